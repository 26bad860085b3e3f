# shellcheck shell=bash
# Sourced by ./dev: "install" and "uninstall". Nothing here asks; what a person edited in /etc/quotafuse is never
# overwritten, and deleted only by "uninstall --purge".

readonly BINARY=/usr/local/bin/quotafuse
readonly CONFIG=/etc/quotafuse
readonly STATE=/var/lib/quotafuse
readonly UNITS=/etc/systemd/system
# Copies of the files as they were shipped: what differs from its copy was edited by a person.
readonly SHIPPED=/usr/local/share/quotafuse/shipped

must_be_root() { ((EUID == 0)) || fail "./dev $1 writes to /usr/local and /etc: run it as root, for example sudo ./dev $1"; }

# systemd runs here, so that it can be told things. Not so in a chroot or a plain container.
systemd_runs() { [[ -d /run/systemd/system ]]; }

# "source destination mode group" of every file that a person may edit.
editable_files() {
    local file
    for file in etc/quotafuse.yaml etc/secrets.env etc/rules.d/*.yaml; do
        echo "$file $CONFIG/${file#etc/} 0640 quotafuse"
    done
    for file in systemd/*.service; do
        echo "$file $UNITS/${file##*/} 0644 root"
    done
}

# keep_or_install SOURCE DESTINATION MODE GROUP, as dpkg treats configuration files.
keep_or_install() {
    local source=$1 destination=$2 mode=$3 group=$4
    local shipped=$SHIPPED$destination
    if [[ ! -e $destination && -e $shipped ]]; then
        say "kept away: $destination (you deleted it; the default is $shipped)"
    elif [[ ! -e $destination ]] || cmp -s "$destination" "$shipped"; then
        install -D -o root -g "$group" -m "$mode" "$source" "$destination"
    elif ! cmp -s "$source" "$destination"; then
        say "kept: $destination (edited)"
        if ! cmp -s "$source" "$shipped"; then
            install -o root -g "$group" -m "$mode" "$source" "$destination.new"
            say "      the new default is beside it: $destination.new"
        fi
    fi
    install -D -m 0644 "$source" "$shipped"
}

create_user() {
    getent passwd quotafuse >/dev/null && return
    useradd --system --user-group --home-dir "$STATE" --no-create-home --shell /usr/sbin/nologin quotafuse
    say "created the user quotafuse"
}

# The folder's owner builds, so that "sudo ./dev install" leaves no build/ that only root can change.
build_as_owner() {
    local owner
    owner=$(stat -c %U .)
    setup build
    if [[ $owner == root || $owner == UNKNOWN ]]; then task_build; else runuser -u "$owner" -- "$PWD/dev" build; fi
}

install_binary() {
    # Not written in place: a running daemon keeps the file it was started from.
    install -o root -g root -m 0755 build/release/quotafuse "$BINARY.new"
    strip --strip-debug "$BINARY.new"
    mv "$BINARY.new" "$BINARY"
}

install_editable_files() {
    local source destination mode group
    install -d -o root -g quotafuse -m 0750 "$CONFIG" "$CONFIG/rules.d"
    while read -r source destination mode group; do
        keep_or_install "$source" "$destination" "$mode" "$group"
    done < <(editable_files)
}

# As the daemon's user, so that it meets the daemon's permissions.
check_as_daemon() {
    say "running as the user quotafuse: quotafuse check"
    (cd / && runuser -u quotafuse -- "$BINARY" check)
}

task_install() {
    must_be_root install
    build_as_owner
    create_user
    install -d -o quotafuse -g quotafuse -m 0750 "$STATE"
    install_binary
    install_editable_files
    say "installed. If this is the first time: put SQL_DSN and the tokens into $CONFIG/secrets.env, then"
    say "    quotafuse check --online && systemctl enable --now quotafuse"
    if ! systemd_runs; then
        say "systemd does not run here: the units are installed, but not loaded"
        check_as_daemon
        return
    fi
    systemctl daemon-reload
    check_as_daemon || fail "a running daemon was not restarted: correct the configuration, then systemctl restart quotafuse"
    systemctl try-restart quotafuse.service 'quotafuse@*.service'
}

stop_units() {
    systemd_runs || return 0
    local unit
    for unit in "$UNITS"/multi-user.target.wants/quotafuse{,@*}.service; do
        [[ ! -L $unit ]] || systemctl disable "${unit##*/}"
    done
    systemctl stop 'quotafuse[.]service' 'quotafuse@*.service'
}

# Files as shipped go; edited ones stay and are named.
remove_unedited() {
    local source destination mode group
    while read -r source destination mode group; do
        rm -f "$destination.new"
        if [[ $destination == "$UNITS"/* ]] || cmp -s "$destination" "$SHIPPED$destination"; then
            rm -f "$destination"
        elif [[ -e $destination ]]; then
            say "kept: $destination (edited)"
        fi
    done < <(editable_files)
    rmdir --ignore-fail-on-non-empty "$CONFIG/rules.d" "$CONFIG" 2>/dev/null || return 0
    [[ ! -d $STATE ]] || say "kept: $STATE and its owner quotafuse (./dev uninstall --purge deletes them and $CONFIG)"
}

# The stores too: that of the one gateway, and those of the instances that have a configuration.
remove_everything() {
    local config
    for config in "$CONFIG"/*/quotafuse.yaml; do
        [[ ! -e $config ]] || rm -rf "$STATE-$(basename "${config%/*}")"
    done
    rm -rf "$CONFIG" "$STATE" "$UNITS"/quotafuse.service "$UNITS"/quotafuse@.service
    if getent passwd quotafuse >/dev/null; then userdel quotafuse; fi
    say "deleted $CONFIG, the stores and the user quotafuse"
}

task_uninstall() {
    must_be_root uninstall
    (($# == 0)) || [[ $* == --purge ]] || fail "uninstall knows only --purge"
    stop_units
    if (($#)); then remove_everything; else remove_unedited; fi
    rm -rf "$BINARY" "${SHIPPED%/*}"
    if systemd_runs; then systemctl daemon-reload; fi
    say "uninstalled"
}
