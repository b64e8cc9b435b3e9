camera "gym-north" {
  segment   = segment.cameras
  mac       = "44:19:b6:12:34:01"
  addresses = ["10.30.0.21", "fd30::21"]
  model     = "DS-2CD2143G0-I"
  labels    = { building = "gym" }
}

camera "gym-south" {
  segment = segment.cameras
  mac     = "44-19-B6-12-34-02"
  address = "10.30.0.22"
  model   = "DS-2CD2143G0-I"
  labels  = { building = "gym" }
}

# Rooms begin with a digit: a label may, and a reference is then written camera["101-corridor"].
camera "101-corridor" {
  segment = segment.cameras
  mac     = "4419.b612.3403"
  address = "10.30.0.23"
  labels  = { building = "main" }
}

group "gym" {
  where = { building = "gym" }
}
