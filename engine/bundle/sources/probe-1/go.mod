module keelyard.local/bundle/probe

go 1.24
