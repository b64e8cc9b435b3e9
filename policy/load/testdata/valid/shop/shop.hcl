# The box is put into the cable between the recorder and the provider's router, and two cameras stand at ports of their own.
site "depanneur" {
  timezone        = "America/Toronto"
  exception_limit = "400d"
}

segment "recorder" {
  kind      = "recorder"
  addresses = ["192.168.0.250/24"]
  mode      = "enforce"
  unknown   = "deny"
  bridge {
    name  = "br0"
    ports = ["eth1"]
  }
}

segment "shop" {
  kind = "client"
  bridge {
    name  = "br0"
    ports = ["eth0"]
  }
}

segment "cameras" {
  kind = "camera"
  bridge {
    name  = "br0"
    ports = ["eth3", "eth2"]
  }
  serve {
    time = "local"
    leases {
      range = "192.168.0.240 - 192.168.0.245"
    }
  }
}

segment "back-room" {
  kind      = "camera"
  interface = "eth4.7"
  addresses = ["192.168.7.1/24"]
  vlan {
    parent = "eth4"
    id     = "7"
  }
}

manage {
  from     = [segment.shop]
  services = ["ssh", "https"]
}

recorder "nvr" {
  segment = segment.recorder
  address = "192.168.0.10"
  mac     = "44:19:b6:aa:00:01"
  port    = "eth1"
}

# On the gateway's own bridge a recorder among the cameras is seen.
recorder "door" {
  segment = segment.cameras
  address = "192.168.0.11"
}

camera "till" {
  segment = segment.cameras
  mac     = "44:19:b6:aa:00:02"
  address = "192.168.0.240"
  port    = "eth2"
}

allow "watch" {
  from     = segment.shop
  to       = [recorder.nvr, "192.168.0.10"]
  services = ["https", "rtsp"]
}

allow "door" {
  from     = recorder.door
  to       = camera.till
  services = ["rtsp"]
}

allow "record" {
  from     = recorder.nvr
  to       = segment.cameras
  services = ["rtsp"]
  during {
    hours = "22:00-6:00"
  }
  during {
    days = ["sat", "sun"]
  }
}

# Of an hour that the clocks show twice, the first counts.
exception "autumn" {
  from     = segment.shop
  to       = camera.till
  services = ["https"]
  until    = "2027-11-07T01:30"
  reason   = "Adjusting the view"
  owner    = "the owner"
  during {
    days  = ["fri-mon"]
    hours = "00:00-24:00"
  }
}

expect "the recorder opens nothing to the street" {
  from     = recorder.nvr
  to       = ["any"]
  except   = [segment.cameras, "192.168.0.0/24"]
  services = ["any"]
  verdict  = "blocked"
}
