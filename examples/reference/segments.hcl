# A segment is a network behind the gateway, by what it is for: camera | recorder | client | uplink

segment "cameras" {
  description = "Every camera of the main building"
  kind        = "camera"
  interface   = "eth1.30"
  addresses   = ["10.30.0.1/24", "fd30::1/64"] # the gateway's own addresses there; Cordon sets them
  mode        = "enforce"                      # enforce (default) | observe: count what would be refused, and refuse nothing
  refuse      = "drop"                         # reject (default; TCP reset or ICMP error, rate-limited) | drop
  unknown     = "deny"                         # devices that no block names: deny (default)

  # Cordon makes the tagged interface itself. Without this block it is there already.
  vlan {
    parent = "eth1"
    id     = 30
  }

  # What the gateway itself offers on the segment; nothing by default. For camera and recorder segments.
  serve {
    time      = "intercept"                    # off | local: at its own address | intercept: whichever server is asked
    names     = "sinkhole"                     # off | sinkhole: every DNS question is answered here, and no name exists
    records   = { "nvr-1.lan" = "10.40.0.10" } # but for these
    discovery = [segment.office]               # who may find the cameras of this segment by WS-Discovery

    # DHCP for IPv4. A camera's MAC and address are a reservation; the range is for devices that have none.
    leases {
      range = "10.30.0.200-10.30.0.250"
      lease = "12h" # default
    }
  }
}

# Where the gateway's own ports are the switch: its neighbours are isolated from each other too.
segment "doors" {
  kind      = "camera"
  addresses = ["10.31.0.1/24"]
  bridge {
    name  = "br-doors"
    ports = ["lan1", "lan2"]
  }
}

# Two segments on one bridge are one subnet: one of them gives the addresses, each is its own ports, and the policy decides between them.
segment "recorders" {
  kind = "recorder"
  bridge {
    name  = "br-doors"
    ports = ["lan3"]
  }
}

segment "archive" {
  kind      = "recorder"
  interface = "eth2"
  addresses = ["10.40.0.1/24"]
}

segment "office" {
  kind      = "client"
  interface = "eth3"
  addresses = ["10.50.0.1/24"]

  # Networks behind a router of the segment: Cordon sets the route, and they belong to the segment.
  route {
    to  = ["172.16.0.0/12"]
    via = "10.50.0.254"
  }
}

# An uplink means everything that no other segment owns. Its addresses are not Cordon's unless they are given.
segment "internet" {
  kind       = "uplink"
  interface  = var.uplink
  masquerade = [segment.office] # these client segments leave by the uplink's own address
}
