site "levis-01" {
  description = "École secondaire, Lévis"
  scope       = "box" # box (default): refuse all that is not allowed, on every interface, to and through
  # the gateway | segments: govern camera and recorder segments only, leave the rest alone
  timezone        = "America/Toronto" # schedules and `until` without an offset
  exception_limit = "30d"             # no exception may last longer (default 30d)
}

segment "cameras" {
  kind      = "camera" # camera | recorder | client | uplink
  interface = "eth1.30"
  # or, where the gateway's own ports are the switch:
  # a block   bridge {   with   name = "br-cam"   and
  # ports = ["cam1", "cam2"]   : cameras are isolated from each other.
  # Two segments may name the same bridge: one subnet, each segment is its own ports, and the policy decides between them as if
  # they were routed (transparent: nothing is re-addressed). One of them gives `addresses`; that is not an overlap.
  vlan { # optional: Cordon makes the tagged interface itself
    parent = "eth1"
    id     = 30
  }
  addresses = ["10.30.0.1/24", "fd30::1/64"] # the gateway's own addresses there; Cordon sets them
  mode      = "enforce"                      # enforce (default) | observe: count what would be refused, refuse nothing; plan, status (exit 2), console and report say NOT ENFORCED
  refuse    = "reject"                       # reject (default, rate-limited, TCP reset) | drop
  unknown   = "deny"                         # devices that no block names: deny (default; queued for adoption)
  serve {                                    # what the gateway itself offers on this segment; nothing by default
    time      = "intercept"                  # off | local (its own address only) | intercept (any NTP server asked)
    names     = "sinkhole"                   # off | sinkhole (every DNS question answered here: NXDOMAIN but for `records`)
    records   = { "nvr.lan" = "10.40.0.10" }
    discovery = [segment.office]        # WS-Discovery proxy: who may find cameras from another segment
    leases {                            # DHCPv4; each camera's mac and address are a reservation
      range = "10.30.0.100-10.30.0.199" # for devices without one (they stay refused until adopted)
      lease = "12h"
    }
  }
}

segment "recorders" {
  kind      = "recorder"
  interface = "eth2"
  addresses = ["10.40.0.1/24"]
}

segment "office" {
  kind      = "client"
  interface = "eth3"
  addresses = ["10.50.0.1/24"]
  # networks behind a router of this segment: Cordon sets the route, and they belong to the segment
  route {
    to  = ["172.16.0.0/12"] # on an uplink, ["0.0.0.0/0"] is the default route
    via = "10.50.0.254"
  }
}

segment "internet" {
  kind       = "uplink"
  interface  = "eth0"           # an uplink's addresses are not Cordon's unless given
  masquerade = [segment.office] # source NAT for these client segments (a camera or recorder segment here is an error). Where `masquerade`
  # is given, even as [], what an allow or exception opens from a camera or recorder by this uplink is translated too
}

manage { # who may open the gateway's own services; may be repeated; a camera, recorder or uplink segment is an error.
  # Scope "box" without any is an error; from = [] says: by the appliance's own terminal only
  from     = [segment.office]
  services = ["ssh", "https", "ping"]
}

# A recorder stands in a recorder, client or camera segment. A second network card is a second recorder block ("nvr-1-cameras"); validate
# warns that what crosses such a machine is out of the gateway's sight.
recorder "nvr-1" {
  segment = segment.recorders
  address = "10.40.0.10"        # or addresses = [v4, v6]
  mac     = "00:11:32:aa:bb:cc" # optional; binds it when given
}

host "jump" { # any other machine that the policy names (PBX, monitoring, an admin's station), in a client segment
  segment = segment.office
  address = "10.50.0.9"
  mac     = "3c:52:82:00:00:09" # optional; binds it
}

camera "gym-north" {
  segment  = segment.cameras
  mac      = "44:19:b6:12:34:56"
  address  = "10.30.0.21"     # or addresses = [v4, v6]
  model    = "DS-2CD2143G0-I" # free text, shown everywhere
  vendor   = "hikvision"      # optional override of what the MAC and the wire say
  acquired = "2021-08-15"     # optional: decides which restrictions apply
  labels   = { building = "gym", floor = "1" }
}

dynamic "camera" { # many from a file, by the standard HCL dynamic block
  for_each = csvdecode(file("cameras.csv"))
  iterator = row
  labels   = [row.value.name]
  content {
    segment = segment.cameras
    mac     = row.value.mac
    address = row.value.address
    labels  = { building = row.value.building }
  }
}

group "gym" {
  cameras = [camera.gym-north] # by name
}

group "west" {
  where = { building = "west" } # by label (all pairs must match)
}

service "hik-sdk" {
  tcp         = ["8000", "8443"]
  description = "Hikvision device SDK"
}

service "media" {
  udp = ["6100-6299"]
}

allow "record" {
  from     = recorder.nvr-1                     # who opens; one reference or a list
  to       = segment.cameras                    # camera, group, recorder, host, segment, a literal CIDR or address, or a DNS name
  services = ["rtsp", "onvif", service.hik-sdk] # built-in names or service references; "any" towards an uplink is an error for cameras and recorders
}

allow "watch" {
  from     = segment.office
  to       = recorder.nvr-1
  services = ["https"]
}

allow "alarm" {
  from     = segment.cameras
  to       = recorder.nvr-1
  services = ["http"]
}

allow "surf" {
  from     = segment.office
  to       = segment.internet
  services = ["any"]
}

allow "clean" {
  from     = segment.office
  to       = group.gym
  services = ["https"]
  during { # a schedule, in the site's time zone; "22:00-04:00" belongs to the day it starts on; several blocks add up
    days  = ["mon", "fri"]
    hours = "08:00-17:00"
  }
}

# An exception is open from the moment it is applied; a `during` block narrows it to its window.
exception "firmware-2026-11" {
  from     = group.gym
  to       = ["198.51.100.7"]
  services = ["https"]
  until    = "2026-12-01T04:00:00-05:00"
  reason   = "Firmware 5.7.15, CVE-2021-36260"
  owner    = "mtremblay"
  ticket   = "CHG-1042" # optional
}

expect "cameras never reach the internet" {
  from     = segment.cameras
  to       = segment.internet
  services = ["any"]
  verdict  = "blocked" # blocked | allowed: for every packet, at every hour. A violated expectation refuses the apply.
  # Exceptions are left out and named beside the verdict: "PROVED, but for exception firmware-2026-11 until …"
}

expect "cameras reach the recorder and nothing else" {
  from     = segment.cameras
  to       = ["any"] # expect only: every destination, the gateway included (but for what `serve` offers)
  except   = [recorder.nvr-1]
  services = ["any"]
  verdict  = "blocked"
}

expect "nvr-1 records every camera" {
  from     = recorder.nvr-1
  to       = segment.cameras
  services = ["rtsp"]
  verdict  = "allowed"
}

locals {
  cams = "10.30.0.0/24" # local.cams
}
