# A hospital's wing: three camera networks, a recorder with two network cards, telephones at the doors, both address families, and a
# monitoring station in the regional data centre.
site "aile-sud" {
  description     = "Centre hospitalier, aile sud"
  timezone        = "America/Toronto"
  exception_limit = "14d"
}

segment "wards" {
  description = "Corridors and waiting rooms"
  kind        = "camera"
  interface   = "eth1.31"
  addresses   = ["10.31.0.1/23", "fd31::1/64"]
  serve {
    time  = "intercept"
    names = "sinkhole"
  }
}

segment "entrances" {
  description = "Doors, with a camera and a telephone in one"
  kind        = "camera"
  interface   = "eth1.32"
  addresses   = ["10.32.0.1/24", "fd32::1/64"]
  serve {
    time      = "intercept"
    names     = "sinkhole"
    records   = { "pbx.lan" = "10.60.0.20" }
    discovery = [segment.core]
  }
}

segment "pharmacy" {
  description = "Whoever is plugged in here gets no answer at all"
  kind        = "camera"
  interface   = "eth1.33"
  addresses   = ["10.33.0.1/28", "fd33::1/64"]
  refuse      = "drop"
}

segment "recorders" {
  kind      = "recorder"
  interface = "eth2"
  addresses = ["10.40.0.1/24", "fd40::1/64"]
  serve {
    time  = "local"
    names = "sinkhole"
  }
}

segment "core" {
  description = "The hospital's own network, and the regional data centre behind it"
  kind        = "client"
  interface   = "eth3"
  addresses   = ["10.60.0.1/24", "fd60::1/64"]
  route {
    to  = ["172.16.0.0/12"]
    via = "10.60.0.254"
  }
  route {
    to  = ["fd16::/48"]
    via = "fd60::fe"
  }
}

segment "wan" {
  kind      = "uplink"
  interface = "eth0"
}

manage {
  from     = [host.admin]
  services = ["ssh", "https", "ping"]
}

manage {
  from     = [host.nms]
  services = ["ping"]
}
