#!/bin/sh
# Installs what `npm test` needs to test the chart and the alerts with the real thing, and cannot come from npm:
# Helm, built from its Go module, and prometheus and promtool, from Debian's `prometheus` package, unpacked and not installed
# (no root, no service). Kept in ${XDG_CACHE_HOME:-~/.cache}/ferry-tools, where the tests look after PATH. The first run takes
# minutes; later ones a second. Exits non-zero when a tool is neither on PATH nor can be had: continuous integration must not
# pass by skipping.
set -eu

# Asks for Go 1.26.
helm_version=v3.22.0

cache=${XDG_CACHE_HOME:-$HOME/.cache}/ferry-tools
mkdir -p "$cache/bin"
PATH=$PATH:$cache/bin
missing=0

have() { command -v "$1" >/dev/null 2>&1; }

install_helm() {
  have go || { echo "install-tools: neither helm nor go is on PATH" >&2; return 1; }
  echo "install-tools: building Helm $helm_version; this takes minutes" >&2
  CGO_ENABLED=0 GOBIN=$cache/bin GOFLAGS="${GOFLAGS:-} -trimpath" nice go install "helm.sh/helm/v3/cmd/helm@$helm_version"
}

install_prometheus() {
  have apt-get && have dpkg-deb || { echo "install-tools: neither prometheus nor apt-get is on PATH" >&2; return 1; }
  sudo=
  [ "$(id -u)" = 0 ] || ! have sudo || sudo=sudo
  [ -n "$(apt-cache search --names-only '^prometheus$')" ] || $sudo apt-get update -qq >&2 || return 1
  work=$(mktemp -d)
  (cd "$work" && apt-get download -qq -o APT::Sandbox::User=root prometheus >&2 && dpkg-deb -x prometheus_*.deb tree) || { rm -rf "$work"; return 1; }
  cp "$work/tree/usr/bin/prometheus" "$work/tree/usr/bin/promtool" "$cache/bin/"
  rm -rf "$work"
}

have helm || install_helm || missing=1
{ have promtool && have prometheus; } || install_prometheus || missing=1

[ "$missing" = 0 ] || { echo "install-tools: the chart's and the alerts' tests cannot run here" >&2; exit 1; }
helm version --short
promtool --version 2>&1 | head -n 1
