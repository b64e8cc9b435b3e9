variable "unset" { # ERROR: variable-unset
  description = "no default, and nobody sets it"
}

variable "nvr" {
  default = "10.40.0.10"
}

variable "nvr" { # ERROR: duplicate-name
  default = "10.40.0.11"
}

variable "typed" {
  type    = string # ERROR: variable-type
  default = "x"
}

variable "refers" {
  default = local.a # ERROR: want-literal
}

variable "calls" {
  default = upper("a") # ERROR: want-literal
}

variable "described" {
  description = ["no text"] # ERROR: want-text
  defautl     = 1           # ERROR: unknown-attribute
  default     = 1
}

variable "too" "many" { # ERROR: extra-label
  default = 1
}

dynamic "variable" { # ERROR: dynamic-variable
  for_each = ["a"]
  content {
  }
}

locals {
  a = var.nvrr # ERROR: unknown-variable
  b = var      # ERROR: unknown-variable
  c = [var.unset, var.refers, local.a]
}

service "quiet" { # what depends on a variable without a value is not reported a second time
  tcp = [var.unset, local.c]
}

group "circle" {
  cameras = [camera[var.unset]]
}
