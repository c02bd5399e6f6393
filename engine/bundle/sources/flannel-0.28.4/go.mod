module keelyard.local/bundle/flannel

go 1.26.0

require (
	github.com/flannel-io/flannel v0.28.4
	github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common v1.3.103 // indirect
)

// The versions flannel asks for are not published on every module proxy.
exclude github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common v1.3.79
