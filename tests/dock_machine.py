"""How a dock of a dockyard becomes a machine: the files that it starts from, and its script."""

from __future__ import annotations

import shlex
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from hosts import SSHD, Fabric, make_key

USER, UID = "ubuntu", 2000
DISK = "700m"
# Lines of a shell script, run inside before sshd and the engine start. What `rm` removes is still
# there for everybody else: the root is an overlay upon the machine's.
KINDS: Mapping[str, tuple[str, ...]] = {
    "docker": (),
    "no-docker": ("rm -f $(which -a docker dockerd containerd)", "rm -rf /var/lib/docker/*"),
    "forbidden": ("sed -i /^docker:/s/ubuntu$// /etc/group", "rm /etc/sudoers.d/ubuntu"),
    "sudo": ("sed -i /^docker:/s/ubuntu$// /etc/group",),
    "no-sudo": ("rm /etc/sudoers.d/ubuntu",),
    "no-rsync": ("rm -f $(which -a rsync)",),
    "no-data": ("chown root:root /data",),
    "jupyter": (),
    "few-sessions": ("echo MaxSessions 2 >>/etc/ssh/sshd_config",),
    "no-forwarding": ("echo AllowStreamLocalForwarding no >>/etc/ssh/sshd_config",),
}
SETTINGS = f"""\
Port 22
ListenAddress 0.0.0.0
HostKey /etc/ssh/hostkey
PidFile none
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowUsers {USER}
PrintMotd no
Subsystem sftp internal-sftp
"""
# $1 is the folder of the dock, $2 its name.
MACHINE = """\
mount -t tmpfs -o mode=755 dock "$1/root"
mkdir "$1/root/upper" "$1/root/work" "$1/root/new"
mount -t overlay -o "lowerdir=/,upperdir=$1/root/upper,workdir=$1/root/work" dock "$1/root/new"
cd "$1/root/new"
mkdir -p data opt old var/lib/docker
mount --rbind /dev dev
mount --rbind /sys sys
mount -t proc proc proc
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 tmp tmp
mount -t tmpfs -o mode=755 opt opt
mount -t tmpfs -o "size={disk}" docker var/lib/docker
for one in run home data; do mount --bind "$1/$one" "$one"; done
{lent}
pivot_root . old
cd /
umount --lazy /old
rmdir /old
hostname "$2"
echo "127.0.1.1 $2" >>/etc/hosts
sed -i "/^{user}:/d" /etc/passwd /etc/group /etc/shadow
echo "{user}:x:{uid}:{uid}::/home/{user}:/bin/bash" >>/etc/passwd
echo "{user}:x:{uid}:" >>/etc/group
echo "{user}:*:19000:0:99999:7:::" >>/etc/shadow
grep -q ^docker: /etc/group || echo docker:x:2999: >>/etc/group
sed -i "/^docker:/s/:[^:]*$/:{user}/" /etc/group
[ ! -f /etc/gshadow ] || rm /etc/gshadow
echo "{user} ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/{user}
chmod 440 /etc/sudoers.d/{user}
mkdir -p /run/sshd /run/lock
mv /run/hostkey* /etc/ssh
mv /run/sshd_config /etc/ssh
rm -rf /etc/ssh/sshd_config.d
chown -R {uid}:{uid} /home/{user} /data
{kind}
{sshd} -D -e >/run/sshd.log 2>&1 &
[ ! -x "$(command -v dockerd)" ] || sh /run/engine.sh &
sleep infinity &
wait
"""
ENGINE = """\
rm -f /run/docker.pid
exec setsid dockerd --group docker \
  --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent {cgroup} \
  >>/run/dockerd.log 2>&1 </dev/null
"""


def prepare(fabric: Fabric, folder: Path, kind: str, cgroup: str) -> Path:
    """Make the folders of a dock, which it mounts; gives the script that becomes its machine."""
    for name in ("root", "run", "data", f"home/{USER}/.ssh"):
        (folder / name).mkdir(parents=True)
    shutil.copytree("/etc/skel", folder / "home" / USER, dirs_exist_ok=True)
    keys = folder / "home" / USER / ".ssh/authorized_keys"
    shutil.copyfile(f"{fabric.key}.pub", keys)
    keys.parent.chmod(0o700)
    make_key(folder / "run/hostkey")
    (folder / "run/sshd_config").write_text(SETTINGS)
    (folder / "run/engine.sh").write_text(ENGINE.format(cgroup=cgroup))
    kinds = kind.split("+")
    lines = "\n".join(line for one in kinds for line in KINDS[one])
    lent = "\n".join(lent_python()) if "jupyter" in kinds else ""
    script = folder / "machine.sh"
    text = MACHINE.format(disk=DISK, lent=lent, user=USER, uid=UID, kind=lines, sshd=SSHD)
    script.write_text(text)
    return script


def lent_python() -> list[str]:
    """Give what lends it this Python, in /opt/python, its packages, in /opt/site, and what these
    share, in /opt/share."""
    lent = {
        "python": sys.base_prefix,
        "site": sysconfig.get_path("purelib"),
        "share": f"{sys.prefix}/share",
    }
    return [
        f"mkdir opt/{name}; mount --bind {shlex.quote(path)} opt/{name}"
        for name, path in lent.items()
    ]
