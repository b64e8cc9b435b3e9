allow "mistaken" {
  from     = segment.office
  to       = recorder.nvr-1
  services = ["https"]
  during { # ERROR: window-empty
  }
  during {
    days = [] # ERROR: empty-value
  }
  during {
    days = ["monday", "Tue", "wed-", "wed-thurs", "fri mon", 7] # ERROR: bad-day bad-day bad-day bad-day bad-day bad-day
  }
  during {
    days  = "mon" # ERROR: want-list
    hours = null  # ERROR: empty-value
  }
  during {
    hours = "08:00" # ERROR: bad-hours
  }
  during {
    hours = "8h-17h" # ERROR: bad-hours
  }
  during {
    hours = "24:00-08:00" # ERROR: bad-hours
  }
  during {
    hours = "08:60-09:00" # ERROR: bad-hours
  }
  during {
    hours = "08:00-24:01" # ERROR: bad-hours
  }
  during {
    hours = "08:00-08:00" # ERROR: hours-empty
  }
  during {
    days = ["mon"]
    hour = "08:00-17:00" # ERROR: unknown-attribute
  }
  during "label" { # ERROR: no-label
    days = ["sun"]
  }
  during = {} # ERROR: block-not-attribute
}

allow "needless" {
  from     = segment.office
  to       = recorder.nvr-1
  services = ["https"]
  during {
    days  = ["mon-fri"]
    hours = "22:00-04:00"
  }
  during { # WARNING: window-covered
    days  = ["sat"]
    hours = "00:00-04:00"
  }
}

allow "night-of-sunday" {
  from     = segment.office
  to       = recorder.nvr-1
  services = ["https"]
  during {
    days  = ["mon-fri"]
    hours = "22:00-04:00"
  }
  during {
    days  = ["mon"]
    hours = "00:00-04:00"
  }
}

allow "timetable" {
  from     = segment.office
  to       = recorder.nvr-1
  services = ["https"]
  dynamic "during" { # ERROR: windows-many
    for_each = range(101)
    content {
      hours = "00:${format("%02d", during.value % 60)}-05:${format("%02d", floor(during.value / 60))}"
    }
  }
}

allow "timetable-that-fits" {
  from     = segment.office
  to       = recorder.nvr-1
  services = ["https"]
  dynamic "during" { # WARNING: window-covered
    for_each = range(100)
    content {
      hours = "00:${format("%02d", during.value % 60)}-05:${format("%02d", floor(during.value / 60))}"
    }
  }
}
