#!/bin/sh
# Leaves a Debian node as general hardening leaves servers: every setting here is one that breaks Kubernetes, Ansible or the PAM stacks
# when nobody looks at it. Collected from the CIS Debian Linux 12 Benchmark's own remediation texts and from public hardening roles.
set -eu

# Kernel: no forwarding, no bridge filtering, strict reverse paths, no overlay; the file that is read last belongs to the site.
cat >/etc/sysctl.d/zzz-site.conf <<'END'
net.ipv4.ip_forward = 0
net.ipv4.conf.all.forwarding = 0
net.bridge.bridge-nf-call-iptables = 0
net.ipv4.conf.all.rp_filter = 1
kernel.panic = 60
vm.overcommit_memory = 2
END
echo 'net.ipv4.ip_forward=0' >>/etc/sysctl.conf
printf '%s\n' 'install overlay /bin/false' 'blacklist overlay' 'install br_netfilter /bin/true' >/etc/modprobe.d/site.conf
for setting in net/ipv4/ip_forward=0 net/ipv4/conf/all/rp_filter=1; do
    echo "${setting#*=}" >"/proc/sys/${setting%=*}"
done

# Umask of everything, sessions that end, and nothing to be run from temporary directories.
sed -i 's/^UMASK.*/UMASK 077/' /etc/login.defs
printf '%s\n' 'umask 077' 'readonly TMOUT=300' 'export TMOUT' >/etc/profile.d/site.sh
echo 'umask 077' >>/root/.bashrc
echo 'session optional pam_umask.so umask=077' >>/etc/pam.d/common-session
for directory in /tmp /var/tmp /dev/shm; do
    mountpoint -q "$directory" && mount -o remount,nosuid,nodev,noexec "$directory"
    grep -q " $directory " /etc/fstab 2>/dev/null || echo "tmpfs $directory tmpfs nosuid,nodev,noexec 0 0" >>/etc/fstab
done

# SSH: one session per connection, few logins at once, no file transfer, no forwarding, named users only.
cat >/etc/ssh/sshd_config.d/00-site.conf <<'END'
AllowUsers root ops
PermitRootLogin prohibit-password
PasswordAuthentication no
MaxAuthTries 2
MaxSessions 1
MaxStartups 3:50:10
LoginGraceTime 20
ClientAliveInterval 120
ClientAliveCountMax 0
AllowTcpForwarding no
AllowAgentForwarding no
PermitUserEnvironment no
Ciphers aes256-gcm@openssh.com
MACs hmac-sha2-512-etm@openssh.com
END
sed -i 's/^Subsystem/#Subsystem/' /etc/ssh/sshd_config
echo 'sshd: ALL' >/etc/hosts.allow
echo 'ALL: ALL' >/etc/hosts.deny
systemctl reload ssh

# PAM: stacks edited by hand, which pam-auth-update leaves alone from then on, and a profile of the site's own.
cat >/usr/share/pam-configs/site-lock <<'END'
Name: Lock accounts, the site's way
Default: yes
Priority: 900
Auth-Type: Primary
Auth:
	required	pam_faillock.so preauth silent deny=3 unlock_time=0
Account-Type: Primary
Account:
	required	pam_faillock.so
END
DEBIAN_FRONTEND=noninteractive pam-auth-update --package --enable site-lock
sed -i 's/\(pam_unix.so.*\)/\1 remember=5 sha512 rounds=65536/' /etc/pam.d/common-password
sed -i '1i auth required pam_faildelay.so delay=4000000' /etc/pam.d/common-auth
echo 'auth required pam_wheel.so use_uid group=sudo' >>/etc/pam.d/su

# Accounts, sudo, cron and the journal.
sed -i -e 's/^PASS_MAX_DAYS.*/PASS_MAX_DAYS 60/' -e 's/^PASS_MIN_DAYS.*/PASS_MIN_DAYS 7/' /etc/login.defs
printf '%s\n' '* hard nproc 200' '* hard nofile 1024' '* hard core 0' >/etc/security/limits.d/site.conf
if [ -d /etc/sudoers.d ]; then
    printf '%s\n' 'Defaults use_pty' 'Defaults timestamp_timeout=0' 'Defaults logfile=/var/log/sudo.log' >/etc/sudoers.d/00-site
    chmod 0440 /etc/sudoers.d/00-site
fi
rm -f /etc/cron.deny /etc/at.deny
touch /etc/cron.allow /etc/at.allow
chmod 0600 /etc/cron.allow /etc/at.allow
mkdir -p /etc/systemd/journald.conf.d /etc/systemd/system.conf.d
printf '[Journal]\nStorage=volatile\nForwardToSyslog=yes\n' >/etc/systemd/journald.conf.d/00-site.conf
printf '[Manager]\nDumpCore=no\nDefaultLimitNOFILE=1024:4096\nDefaultTasksMax=512\n' >/etc/systemd/system.conf.d/site.conf
systemctl daemon-reexec
