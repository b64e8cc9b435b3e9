segment "bad" {
  kind      = "client"
  interface = "eth4"
  addresses = [
    "10.60.0.1",      # ERROR: bad-gateway
    "10.60.0.0/24",   # ERROR: gateway-is-network
    "10.60.0.255/24", # ERROR: gateway-is-broadcast
    "224.0.0.1/24",   # ERROR: unusable-address
    "fe80::1/64",     # ERROR: unusable-address
    "10.61.0.1/24",
  ]
  route {
    to  = ["192.168.7.1/24", "x"] # ERROR: prefix-host-bits bad-prefix
    via = "10.99.0.1"             # ERROR: route-via
  }
  route {
    to  = ["172.16.0.0/12"] # ERROR: route-twice
    via = "fd61::1"         # ERROR: route-family
  }
  route {
    to  = ["192.168.9.0/24"]
    via = "nowhere" # ERROR: bad-address
  }
}

segment "overlapping" {
  kind      = "camera"
  interface = "eth5"
  addresses = ["10.30.0.129/25"] # ERROR: overlap
}

segment "twin" {
  kind      = "client"
  interface = "eth1" # ERROR: duplicate-interface
  addresses = ["10.62.0.1/24"]
}

segment "names" {
  kind      = "client"
  interface = "eth1/30" # ERROR: bad-interface
  addresses = ["10.63.0.1/24"]
}

segment "long" {
  kind      = "client"
  interface = "enp0s31f6.camera" # ERROR: interface-long
  addresses = ["10.64.0.1/24"]
}

segment "loop" {
  kind      = "clint" # ERROR: bad-choice
  interface = "lo"    # ERROR: interface-loopback
  addresses = ["10.65.0.1/24"]
  refuse    = "deny"  # ERROR: bad-choice
}

segment "masked" {
  kind       = "client"
  interface  = "eth6"
  addresses  = ["10.66.0.1/24"]
  masquerade = [segment.office] # ERROR: masquerade-uplink-only
}

segment "wan" {
  kind       = "uplink"
  interface  = "eth7"
  masquerade = [segment.cameras, segment.recorders, segment.internet] # ERROR: masquerade-kind masquerade-kind masquerade-kind
}

segment "bare" { # ERROR: missing-attribute
  kind      = "client"
  interface = "eth8"
}

camera "outside" {
  segment = segment.cameras
  mac     = "44:19:b6:00:00:01"
  address = "10.31.0.21" # ERROR: address-outside
}

camera "gateway" {
  segment = segment.cameras
  mac     = "44:19:b6:00:00:02"
  address = "10.30.0.1" # ERROR: address-is-gateway
}

camera "network" {
  segment = segment.cameras
  mac     = "44:19:b6:00:00:03"
  address = "10.30.0.0" # ERROR: address-is-network
}

camera "broadcast" {
  segment = segment.cameras
  mac     = "44:19:b6:00:00:04"
  address = "10.30.0.255" # ERROR: address-is-broadcast
}

camera "twice" {
  segment   = segment.cameras
  mac       = "44:19:B6:12:34:56"          # ERROR: duplicate-mac
  addresses = ["10.30.0.21", "fd30::21"]   # ERROR: duplicate-address
}

camera "both" {
  segment   = segment.cameras
  mac       = "01:00:5e:00:00:01" # ERROR: mac-multicast
  address   = "10.30.0.41"
  addresses = ["10.30.0.42"]      # ERROR: address-twice
}

camera "zero" {
  segment = segment.cameras
  mac     = "00:00:00:00:00:00" # ERROR: mac-zero
  address = "10.30.0.43/24"     # ERROR: bad-address
}

camera "number" {
  segment = segment.cameras
  mac     = "4,41912E+13" # ERROR: mac-number
  address = "127.0.0.1"   # ERROR: unusable-address
}

camera "letters" {
  segment  = segment.cameras
  mac      = "44:19:b6:12:34" # ERROR: bad-mac
  address  = "10.30.0.44"
  acquired = "summer"         # ERROR: bad-date
  labels   = "gym"            # ERROR: want-map
}

camera "null" {
  segment = segment.cameras
  mac     = null # ERROR: empty-value
  address = ""   # ERROR: empty-value
}

camera "list" {
  segment = segment.cameras
  mac     = ["44:19:b6:00:00:05"] # ERROR: want-text
  address = "10.30.0.45"
}

camera "abroad" {
  segment = segment.office # ERROR: camera-segment
  mac     = "44:19:b6:00:00:06"
  address = "10.50.0.46"
}

recorder "abroad" {
  segment = segment.internet # ERROR: recorder-segment
  address = "203.0.113.9"
}

recorder "among" {
  segment = segment.cameras # WARNING: recorder-unseen
  address = "10.30.0.47"
}

host "abroad" {
  segment = segment.recorders # ERROR: host-segment
  address = "10.40.0.48"
}

host "far" {
  segment = segment.office
  address = "172.16.5.5" # ERROR: mac-behind-route
  mac     = "3c:52:82:00:00:09"
}
