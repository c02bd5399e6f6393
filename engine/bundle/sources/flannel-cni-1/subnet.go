package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// subnet is what flanneld says of this node in its subnet file.
type subnet struct {
	networks []string // every network of the cluster: routed through the bridge
	ranges   []string // this node's share of them: pods get their addresses from it
	mtu      int
	ipMasq   bool // flanneld masquerades itself
}

func readSubnet(path string) (*subnet, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("flanneld's subnet file: %w", err)
	}
	defer file.Close()
	read := &subnet{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		key, value, found := strings.Cut(strings.TrimSpace(lines.Text()), "=")
		if !found {
			continue
		}
		if err := read.take(key, value); err != nil {
			return nil, fmt.Errorf("%s: %s=%s: %w", path, key, value, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(read.ranges) == 0 || len(read.networks) == 0 || read.mtu == 0 {
		return nil, fmt.Errorf("%s is incomplete: flanneld is still starting", path)
	}
	return read, nil
}

func (s *subnet) take(key, value string) (err error) {
	switch key {
	case "FLANNEL_NETWORK", "FLANNEL_IPV6_NETWORK":
		for _, one := range strings.Split(value, ",") {
			if _, _, err := net.ParseCIDR(one); err != nil {
				return err
			}
			s.networks = append(s.networks, one)
		}
	case "FLANNEL_SUBNET", "FLANNEL_IPV6_SUBNET":
		_, share, err := net.ParseCIDR(value)
		if err != nil {
			return err
		}
		s.ranges = append(s.ranges, share.String())
	case "FLANNEL_MTU":
		s.mtu, err = strconv.Atoi(value)
	case "FLANNEL_IPMASQ":
		s.ipMasq, err = strconv.ParseBool(value)
	}
	return err
}

// delegateOf completes the delegate's configuration; what the network set itself wins.
func delegateOf(asked *network, known *subnet) (map[string]any, error) {
	delegate := map[string]any{
		"type":   "bridge",
		"mtu":    known.mtu,
		"ipMasq": !known.ipMasq,
	}
	for key, value := range asked.Delegate {
		delegate[key] = value
	}
	kind, isText := delegate["type"].(string)
	if !isText || kind == "" || kind == "flannel" {
		return nil, fmt.Errorf("delegate type must name another plugin, not %v", delegate["type"])
	}
	if _, given := delegate["isGateway"]; !given && kind == "bridge" {
		delegate["isGateway"] = true
	}
	delegate["name"] = asked.Name
	delegate["cniVersion"] = asked.CNIVersion
	if len(asked.RuntimeConfig) > 0 {
		delegate["runtimeConfig"] = asked.RuntimeConfig
	}
	delegate["ipam"] = addressing(asked.IPAM, known)
	return delegate, nil
}

func addressing(given map[string]any, known *subnet) map[string]any {
	ipam := map[string]any{"type": "host-local"}
	for key, value := range given {
		ipam[key] = value
	}
	ranges := make([]any, 0, len(known.ranges))
	for _, share := range known.ranges {
		ranges = append(ranges, []any{map[string]any{"subnet": share}})
	}
	ipam["ranges"] = ranges
	routes, _ := ipam["routes"].([]any)
	for _, destination := range known.networks {
		routes = append(routes, map[string]any{"dst": destination})
	}
	ipam["routes"] = routes
	return ipam
}
