#!/bin/bash
# The baseline: one control plane and one worker by ssh, scp and kubeadm, as a practised person would script it.
#
# No checks, no second run, no other systems: binaries and images from the bundle directory, flannel, both nodes Ready.
# Environment: BUNDLE, VERSION (1.36.4), KEY, KNOWN_HOSTS, SSH_USER (root), CONTROL and WORKER (each NAME=ADDRESS).
# Prints "NAME SECONDS" for every phase on stdout, everything else on stderr.
set -euo pipefail

scratch=$(mktemp -d)
options=(-i "$KEY" -o UserKnownHostsFile="$KNOWN_HOSTS" -o StrictHostKeyChecking=yes -o BatchMode=yes -o LogLevel=ERROR
  -o ControlMaster=auto -o ControlPath="$scratch/%C" -o ControlPersist=600)
control_name=${CONTROL%=*} control=${CONTROL#*=} worker_name=${WORKER%=*} worker=${WORKER#*=}

close() {
  for node in "$control" "$worker"; do
    ssh "${options[@]}" -O exit "$SSH_USER@$node" 2>/dev/null || true
  done
  rm -rf "$scratch"
}
trap close EXIT

on() { ssh "${options[@]}" "$SSH_USER@$1" "${@:2}" >&2; }
began=0
phase_done() {
  local now
  now=$(date +%s.%N)
  awk -v name="$1" -v a="$began" -v b="$now" 'BEGIN { printf "%s %.2f\n", name, b - a }'
  began=$now
}

# One image reference of the bundle by its beginning.
image() { jq -r --arg head "$1" '[.images[].reference | select(startswith($head))][0]' "$BUNDLE/bundle.json"; }

prepare() {
  on "$1" "bash -s -- $2 $control_name $control $worker_name $worker" <<'NODE'
set -eu
hostnamectl set-hostname "$1"
printf '%s %s\n%s %s\n' "$3" "$2" "$5" "$4" >>/etc/hosts
printf 'overlay\nbr_netfilter\n' >/etc/modules-load.d/kubernetes.conf
modprobe overlay && modprobe br_netfilter
cat >/etc/sysctl.d/90-kubernetes.conf <<'X'
net.ipv4.ip_forward = 1
net.bridge.bridge-nf-call-iptables = 1
net.bridge.bridge-nf-call-ip6tables = 1
vm.overcommit_memory = 1
kernel.panic = 10
kernel.panic_on_oops = 1
X
sysctl -qp /etc/sysctl.d/90-kubernetes.conf
NODE
}

containerd() {
  scp -q "${options[@]}" "$BUNDLE"/bin/{containerd,containerd-shim-runc-v2,ctr} "$SSH_USER@$1:/usr/local/bin/"
  scp -q "${options[@]}" "$BUNDLE/bin/runc" "$SSH_USER@$1:/usr/local/sbin/"
  on "$1" "bash -s -- $(image registry.k8s.io/pause:)" <<'NODE'
set -eu
mkdir -p /etc/containerd
systemd=false
[ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ] || systemd=true
cat >/etc/containerd/config.toml <<X
version = 3
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "$1"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  SystemdCgroup = $systemd
X
cat >/etc/systemd/system/containerd.service <<'X'
[Unit]
After=network.target
[Service]
Type=notify
ExecStart=/usr/local/bin/containerd
KillMode=process
Delegate=yes
Restart=always
TasksMax=infinity
[Install]
WantedBy=multi-user.target
X
printf 'runtime-endpoint: unix:///run/containerd/containerd.sock\n' >/etc/crictl.yaml
systemctl daemon-reload
systemctl enable -q --now containerd
NODE
}

packages() {
  local files=("$BUNDLE"/images/{node,flannel}.tar)
  [ "$1" != "$control" ] || files+=("$BUNDLE/images/control-plane.tar")
  on "$1" mkdir -p /opt/cni/bin /var/tmp/images
  scp -q "${options[@]}" "$BUNDLE"/bin/{kubeadm,kubelet,kubectl,crictl} "$SSH_USER@$1:/usr/local/bin/"
  scp -q "${options[@]}" "$BUNDLE"/cni/* "$SSH_USER@$1:/opt/cni/bin/"
  scp -q "${options[@]}" "${files[@]}" "$SSH_USER@$1:/var/tmp/images/"
  on "$1" bash -s <<'NODE'
set -eu
for archive in /var/tmp/images/*; do
  ctr --namespace k8s.io images import "$archive" >/dev/null
done
rm -r /var/tmp/images
cat >/etc/systemd/system/kubelet.service <<'X'
[Unit]
After=containerd.service
ConditionPathExists=/var/lib/kubelet/config.yaml
[Service]
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart=/usr/local/bin/kubelet --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \
  --kubeconfig=/etc/kubernetes/kubelet.conf --config=/var/lib/kubelet/config.yaml $KUBELET_KUBEADM_ARGS
Restart=always
RestartSec=2
[Install]
WantedBy=multi-user.target
X
mkdir -p /etc/kubernetes/patches
driver=cgroupfs
[ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ] || driver=systemd
echo 'nameserver 192.0.2.1' >/etc/kubernetes/resolv.conf
cat >/etc/kubernetes/patches/kubeletconfiguration+merge.json <<X
{"cgroupDriver": "$driver", "failCgroupV1": false, "failSwapOn": false, "resolvConf": "/etc/kubernetes/resolv.conf",
 "imageGCHighThresholdPercent": 100, "evictionHard": {"memory.available": "50Mi", "nodefs.available": "0%",
 "nodefs.inodesFree": "0%", "imagefs.available": "0%"}}
X
systemctl daemon-reload
systemctl enable -q kubelet
NODE
}

init() {
  on "$control" "cat >/root/kubeadm.yaml && kubeadm init --config /root/kubeadm.yaml" <<X
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
bootstrapTokens: [{token: "$token"}]
localAPIEndpoint: {advertiseAddress: $control}
nodeRegistration:
  name: $control_name
  criSocket: unix:///run/containerd/containerd.sock
  ignorePreflightErrors: [SystemVerification]
  kubeletExtraArgs: [{name: node-ip, value: $control}]
patches: {directory: /etc/kubernetes/patches}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v$VERSION
networking: {podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/16}
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
X
}

join() {
  on "$worker" "cat >/root/join.yaml && kubeadm join --config /root/join.yaml" <<X
apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
discovery:
  bootstrapToken: {token: "$token", apiServerEndpoint: "$control:6443", unsafeSkipCAVerification: true}
nodeRegistration:
  name: $worker_name
  criSocket: unix:///run/containerd/containerd.sock
  ignorePreflightErrors: [SystemVerification]
  kubeletExtraArgs: [{name: node-ip, value: $worker}]
patches: {directory: /etc/kubernetes/patches}
X
}

flannel() {
  on "$control" "kubectl --kubeconfig /etc/kubernetes/admin.conf apply -f -" < <(
    sed "s|IMAGE|$(image ghcr.io/flannel-io/flannel:)|" "$(dirname "$0")/plain_flannel.yaml"
  )
  # The plugin's configuration comes last: a pod that is started before flannel runs has to be started again.
  on "$control" "kubectl --kubeconfig /etc/kubernetes/admin.conf --namespace kube-flannel \
    rollout status daemonset/kube-flannel-ds --timeout=300s"
  for node in "$control" "$worker"; do
    on "$node" "mkdir -p /etc/cni/net.d && cat >/etc/cni/net.d/10-flannel.conflist" <<'X' &
{"name": "cbr0", "cniVersion": "0.3.1", "plugins": [
 {"type": "flannel", "delegate": {"hairpinMode": true, "isDefaultGateway": true}},
 {"type": "portmap", "capabilities": {"portMappings": true}}]}
X
    jobs+=($!)
  done
  both
}

ready() {
  on "$control" "kubectl --kubeconfig /etc/kubernetes/admin.conf wait --for=condition=Ready node --all --timeout=300s &&
    kubectl --kubeconfig /etc/kubernetes/admin.conf wait --for=condition=Available --timeout=300s \
      --namespace kube-system deployment/coredns"
}

# Wait for what was started on both nodes; either failure fails all.
jobs=()
both() {
  local job
  for job in "${jobs[@]}"; do wait "$job"; done
  jobs=()
}
on_both() {
  "$1" "$control" "$control_name" & jobs+=($!)
  "$1" "$worker" "$worker_name" & jobs+=($!)
  both
  phase_done "$1"
}

token=$(printf '%s.%s' "$(openssl rand -hex 3)" "$(openssl rand -hex 8)")
began=$(date +%s.%N)
on_both prepare
on_both containerd
on_both packages
for step in init join flannel ready; do
  "$step"
  phase_done "$step"
done
