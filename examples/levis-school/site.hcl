# A secondary school. The box stands between the cameras, the recorders, the administration's network and the internet.
site "levis-01" {
  description = "École secondaire, Lévis"
  timezone    = "America/Toronto"
}

segment "cameras" {
  kind      = "camera"
  interface = "eth1"
  addresses = ["10.30.0.1/24", "fd30::1/64"]
}

segment "recorders" {
  kind      = "recorder"
  interface = "eth2"
  addresses = ["10.40.0.1/24", "fd40::1/64"]
}

segment "office" {
  kind      = "client"
  interface = "eth3"
  addresses = ["10.50.0.1/24"]
  route {
    to  = ["172.16.0.0/12"]
    via = "10.50.0.254"
  }
}

segment "internet" {
  kind       = "uplink"
  interface  = "eth0"
  masquerade = [segment.office]
}

manage {
  from     = [segment.office]
  services = ["ssh", "https", "ping"]
}

host "jump" {
  segment     = segment.office
  address     = "10.50.0.9"
  mac         = "3c:52:82:00:00:09"
  description = "The technician's station"
}
