segment "front" {
  kind      = "camera"
  addresses = ["192.168.0.250/24"]
  bridge {
    name  = "br0"
    ports = ["cam1", "cam2"]
  }
  serve {
    leases {
      range = "192.168.0.100-192.168.0.199"
    }
  }
}

segment "shop" {
  kind = "client"
  bridge {
    name  = "br0"
    ports = ["eth8"]
  }
}

segment "side" {
  kind = "camera"
  bridge {
    name  = "br0"
    ports = ["cam3"]
  }
  serve {
    leases {
      range = "192.168.0.20-192.168.0.100" # ERROR: leases-device leases-device leases-shared
    }
  }
}

camera "till" {
  segment = segment.front
  mac     = "44:19:b6:00:00:01"
  address = "192.168.0.21"
  port    = "cam1"
}

host "desk" {
  segment = segment.shop
  address = "192.168.1.9" # ERROR: address-outside
}

host "desk-2" {
  segment = segment.shop
  address = "192.168.0.21" # ERROR: duplicate-address
}

host "desk-3" {
  segment = segment.shop
  address = "192.168.0.250" # ERROR: address-is-gateway
}

manage {
  from     = ["192.168.0.21", "192.168.0.30", "192.168.0.0/24"] # ERROR: manage-from manage-from manage-from
  services = ["ssh"]
}

allow "out" {
  from     = "192.168.0.77"
  to       = segment.internet
  services = ["any"] # ERROR: any-uplink
}
