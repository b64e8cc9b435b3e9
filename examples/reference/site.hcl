# Every block and every attribute of the policy language, once, on a site that makes sense. The order of files and blocks never matters,
# and whatever is left out of a policy is refused.

# Exactly one. What belongs to a site and what several sites share may stand in different directories: cordon apply common sites/levis-01
site "levis-01" {
  description     = "École secondaire, Lévis"
  scope           = "box"             # box (default): refuse all that is not allowed | segments: govern camera and recorder segments only
  timezone        = "America/Toronto" # of schedules, and of an "until" without an offset; default UTC
  exception_limit = "90d"             # no exception may last longer; default 30d
}

# Who may open the gateway's own services: client segments, and what stands in them. With scope "box" it must be said; from = [] leaves
# the appliance's own terminal. May be repeated.
manage {
  from     = [segment.office, host.monitoring]
  services = ["ssh", "https", "ping"]
}

# A value that may differ where the policy is applied: cordon apply --var uplink=eth7 … or CORDON_VAR_uplink. Without a default it must
# be given. What is given is part of the policy's digest.
variable "uplink" {
  description = "The interface towards the provider"
  default     = "eth0"
}

# Values with a name. References are values too.
locals {
  recorders = [recorder.nvr-1, recorder.nvr-2]
  firmware  = "198.51.100.7"
}
