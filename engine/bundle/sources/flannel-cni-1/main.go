// Flannel is the CNI plugin that joins a pod to the network flanneld laid: it reads the subnet file flanneld wrote,
// completes the delegate's configuration with it and calls the delegate (bridge, unless the network says otherwise).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
)

const (
	defaultSubnetFile = "/run/flannel/subnet.env"
	defaultDataDir    = "/var/lib/cni/flannel"
	notAvailable      = 50 // CNI specification: the plugin cannot serve ADD now
)

// network is the plugin's part of a CNI network configuration.
type network struct {
	types.NetConf
	SubnetFile    string         `json:"subnetFile"`
	DataDir       string         `json:"dataDir"`
	IPAM          map[string]any `json:"ipam"`
	Delegate      map[string]any `json:"delegate"`
	RuntimeConfig map[string]any `json:"runtimeConfig"`
}

func load(input []byte) (*network, error) {
	loaded := &network{SubnetFile: defaultSubnetFile, DataDir: defaultDataDir}
	if err := json.Unmarshal(input, loaded); err != nil {
		return nil, fmt.Errorf("read the network configuration: %w", err)
	}
	if _, given := loaded.Delegate["name"]; given {
		return nil, errors.New("delegate must not have a name: it takes the network's")
	}
	return loaded, nil
}

// recorded is where the delegate's configuration of one container is kept, so that DEL undoes what ADD did.
func (n *network) recorded(arguments *skel.CmdArgs) string {
	return filepath.Join(n.DataDir, filepath.Base(arguments.ContainerID)+"-"+filepath.Base(arguments.IfName))
}

func (n *network) record(arguments *skel.CmdArgs, configuration []byte) error {
	if err := os.MkdirAll(n.DataDir, 0o700); err != nil {
		return err
	}
	path := n.recorded(arguments)
	if err := os.WriteFile(path+".new", configuration, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func kindOf(configuration []byte) (string, error) {
	var delegate types.NetConf
	if err := json.Unmarshal(configuration, &delegate); err != nil {
		return "", fmt.Errorf("read the delegate's configuration: %w", err)
	}
	return delegate.Type, nil
}

func (n *network) compose() (kind string, configuration []byte, err error) {
	subnet, err := readSubnet(n.SubnetFile)
	if err != nil {
		return "", nil, err
	}
	delegate, err := delegateOf(n, subnet)
	if err != nil {
		return "", nil, err
	}
	configuration, err = json.Marshal(delegate)
	return delegate["type"].(string), configuration, err
}

func add(arguments *skel.CmdArgs) error {
	asked, err := load(arguments.StdinData)
	if err != nil {
		return err
	}
	kind, configuration, err := asked.compose()
	if err != nil {
		return err
	}
	if err := asked.record(arguments, configuration); err != nil {
		return fmt.Errorf("record the delegate's configuration: %w", err)
	}
	result, err := invoke.DelegateAdd(context.Background(), kind, configuration, nil)
	if err != nil {
		return err
	}
	return types.PrintResult(result, asked.CNIVersion)
}

func check(arguments *skel.CmdArgs) error {
	asked, err := load(arguments.StdinData)
	if err != nil {
		return err
	}
	configuration, err := os.ReadFile(asked.recorded(arguments))
	if err != nil {
		return err
	}
	kind, err := kindOf(configuration)
	if err != nil {
		return err
	}
	return invoke.DelegateCheck(context.Background(), kind, withPreviousResult(configuration, arguments.StdinData), nil)
}

// withPreviousResult hands the runtime's prevResult on: the delegate checks against it.
func withPreviousResult(configuration, input []byte) []byte {
	var asked, delegate map[string]any
	if json.Unmarshal(input, &asked) != nil || json.Unmarshal(configuration, &delegate) != nil {
		return configuration
	}
	delegate["prevResult"] = asked["prevResult"]
	merged, err := json.Marshal(delegate)
	if err != nil {
		return configuration
	}
	return merged
}

// remove succeeds when nothing was recorded: the runtime may call DEL again, or for a pod whose ADD failed early.
func remove(arguments *skel.CmdArgs) error {
	asked, err := load(arguments.StdinData)
	if err != nil {
		return err
	}
	configuration, err := os.ReadFile(asked.recorded(arguments))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	kind, err := kindOf(configuration)
	if err != nil {
		return err
	}
	if err := invoke.DelegateDel(context.Background(), kind, configuration, nil); err != nil {
		return err
	}
	// Forgotten only after the delegate is done, so that a failed DEL can be tried again.
	return os.Remove(asked.recorded(arguments))
}

// status says that pods can be added, which is so once flanneld has written its subnet file.
func status(arguments *skel.CmdArgs) error {
	asked, err := load(arguments.StdinData)
	if err != nil {
		return err
	}
	if _, err := readSubnet(asked.SubnetFile); err != nil {
		return types.NewError(notAvailable, "flanneld has not written its subnet file", err.Error())
	}
	return nil
}

func main() {
	functions := skel.CNIFuncs{Add: add, Check: check, Del: remove, Status: status}
	skel.PluginMainFuncs(functions, version.All, "CNI plugin flannel 1 (Keelyard)")
}
