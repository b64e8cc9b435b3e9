segment "nowhere" { # ERROR: missing-attribute segment-unlinked
  kind = "camera"
}

segment "both" {
  kind      = "camera"
  interface = "eth4" # ERROR: interface-and-bridge
  addresses = ["10.31.0.1/24"]
  bridge {
    name  = "br-both"
    ports = ["cam1", "cam2"]
  }
}

segment "tagged-bridge" {
  kind      = "camera"
  addresses = ["10.32.0.1/24"]
  bridge {
    name  = "br-tagged"
    ports = ["cam3"]
  }
  vlan { # ERROR: vlan-and-bridge
    parent = "eth4"
    id     = 7
  }
}

segment "own-ports" {
  kind      = "camera"
  addresses = ["10.33.0.1/24"]
  bridge {
    name  = "br-own"
    ports = ["br-own", "cam 4", "", "lo", "cam1", "a-very-long-name-of-a-port"] # ERROR: bridge-in-itself bad-interface empty-value interface-loopback duplicate-interface interface-long
    prots = []                                                                # ERROR: unknown-attribute
  }
}

segment "portless" {
  kind      = "camera"
  addresses = ["10.34.0.1/24"]
  bridge {
    name  = "eth1" # ERROR: duplicate-interface
    ports = []     # ERROR: empty-value
  }
}

segment "unfinished" { # ERROR: missing-attribute
  kind      = "camera"
  bridge { # ERROR: missing-attribute missing-attribute
  }
  bridge { # ERROR: block-twice
  }
}

segment "left" {
  kind      = "camera"
  addresses = ["10.35.0.1/24"]
  bridge {
    name  = "br-shared"
    ports = ["left1", "left2"]
  }
}

segment "right" { # ERROR: bridge-addresses
  kind      = "client"
  addresses = ["10.35.0.2/24"] # ERROR: overlap
  bridge {
    name  = "br-shared"
    ports = ["right1", "left2"] # ERROR: duplicate-interface
  }
}

segment "unaddressed" { # ERROR: missing-attribute
  kind = "camera"
  bridge {
    name  = "br-bare"
    ports = ["bare1"]
  }
}

segment "tags" {
  kind      = "camera"
  interface = "eth5.30"
  addresses = ["10.36.0.1/24"]
  vlan {
    parent = "eth5"
    id     = 30
  }
}

segment "tags-again" {
  kind      = "camera"
  interface = "eth5.31"
  addresses = ["10.37.0.1/24"]
  vlan {
    parent = "eth5"
    id     = "30" # ERROR: duplicate-vlan
  }
}

segment "tag-zero" {
  kind      = "camera"
  interface = "eth5.0"
  addresses = ["10.38.0.1/24"]
  vlan {
    parent = "eth5/0" # ERROR: bad-interface
    id     = 0        # ERROR: bad-vlan
  }
}

segment "tag-high" {
  kind      = "camera"
  interface = "eth5.4095"
  addresses = ["10.39.0.1/24"]
  vlan {
    parent = "eth5"
    id     = 4095 # ERROR: bad-vlan
  }
}

segment "tag-words" {
  kind      = "camera"
  interface = "eth5.32"
  addresses = ["10.41.0.1/24"]
  vlan {
    id     = "thirty-two" # ERROR: bad-vlan
    parent = null
  }
}

segment "tag-none" {
  kind      = "camera"
  interface = "eth5.33"
  addresses = ["10.42.0.1/24"]
  vlan { # ERROR: missing-attribute missing-attribute
  }
}

segment "tag-itself" {
  kind      = "camera"
  interface = "eth6"
  addresses = ["10.43.0.1/24"]
  vlan { # ERROR: vlan-of-itself
    parent = "eth6"
    id     = 1
  }
}

segment "native" { # ERROR: governed-trunk
  kind      = "camera"
  interface = "eth5"
  addresses = ["10.44.0.1/24"]
}

camera "unbridged" {
  segment = segment.cameras
  mac     = "44:19:b6:00:00:01"
  address = "10.30.0.31"
  port    = "cam1" # ERROR: port-no-bridge
}

camera "misplugged" {
  segment = segment.left
  mac     = "44:19:b6:00:00:02"
  address = "10.35.0.31"
  port    = "left3" # ERROR: port-unknown
}

host "portless" {
  segment = segment.right
  address = "10.35.0.32"
  port    = "right1" # ERROR: unknown-attribute
}
