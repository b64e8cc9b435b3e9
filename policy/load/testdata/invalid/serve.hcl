locals {
  d = "d.lan"
  e = { "e_lan." = "10.40.0.1 0" }
}

segment "watched" {
  kind      = "camera"
  interface = "eth4"
  addresses = ["10.31.0.1/24"]
  mode      = "observe" # WARNING: not-enforced
  serve {
    time      = "local "
    names     = "sinkholes"                                                # ERROR: bad-choice
    records = {
      "nvr lan" = "10.40.0.10" # ERROR: bad-domain
      "b.lan"   = "10.40"      # ERROR: record-address
      "-c"      = "10.40.0.1"  # ERROR: bad-domain
      (local.d) = "ff02::1"    # ERROR: record-address
    }
    discovery = ["segment.office", recorder.nvr-1, segment.watched, segment.internet, segment.office, segment.cameras] # ERROR: quoted-reference wrong-kind discovery-segment discovery-segment discovery-segment
    leases {
      range = "10.31.0.100-10.31.1.10" # ERROR: leases-outside
      lease = "1m"                     # ERROR: lease-length
    }
  }
}

segment "backstage" {
  kind      = "recorder"
  interface = "eth5"
  addresses = ["10.41.0.1/24"]
  serve {
    records   = { "a.lan" = "10.40.0.10", "A.lan." = "10.40.0.11" } # ERROR: records-unserved record-twice
    discovery = [segment.office]                                   # ERROR: discovery-cameras
    leases { # ERROR: missing-attribute
      lease = "soon" # ERROR: bad-duration
    }
    leases { # ERROR: block-twice
      range = "10.41.0.100-10.41.0.110"
    }
  }
  serve { # ERROR: block-twice
    time = "local"
  }
}

segment "gateway-leased" {
  kind      = "camera"
  interface = "eth6"
  addresses = ["10.32.0.1/24"]
  serve {
    names   = "sinkhole"
    records = local.e # ERROR: record-address
    tiem  = "local" # ERROR: unknown-attribute
    leases {
      range = "10.32.0.1-10.32.0.9" # ERROR: leases-hold
    }
  }
}

segment "broadcast-leased" {
  kind      = "camera"
  interface = "eth7"
  addresses = ["10.33.0.1/24"]
  serve {
    leases {
      range = "10.33.0.9-10.33.0.255" # ERROR: leases-hold
    }
  }
}

segment "network-leased" {
  kind      = "camera"
  interface = "eth9"
  addresses = ["10.35.0.129/24"]
  serve {
    leases {
      range = "10.35.0.0-10.35.0.9" # ERROR: leases-hold
    }
  }
}

segment "backwards" {
  kind      = "camera"
  interface = "eth8"
  addresses = ["10.34.0.1/24", "fd34::1/64"]
  serve {
    leases {
      range = "10.34.0.9-10.34.0.8" # ERROR: bad-range
    }
  }
}

segment "six" {
  kind      = "camera"
  interface = "eth10"
  addresses = ["10.36.0.1/24", "fd36::1/64"]
  serve {
    leases {
      range = "fd36::100-fd36::199" # ERROR: bad-range
    }
  }
}

segment "taken" {
  kind      = "camera"
  interface = "eth11"
  addresses = ["10.37.0.1/24"]
  serve {
    leases {
      range = "10.37.0.100-10.37.0.199" # ERROR: leases-device
    }
  }
}

recorder "leaseless" {
  segment = segment.taken # WARNING: recorder-unseen
  address = "10.37.0.150"
}

recorder "reserved" {
  segment = segment.taken # WARNING: recorder-unseen
  mac     = "44:19:b6:00:00:01"
  address = "10.37.0.151"
}

segment "shop" {
  kind      = "client"
  interface = "eth12"
  addresses = ["10.90.0.1/24"]
  serve { # ERROR: serve-segment
    time = "local"
  }
}

segment "provider" {
  kind      = "uplink"
  interface = "eth13"
  mode      = "observe" # ERROR: observe-uplink
  serve { # ERROR: serve-segment
  }
}
