# Written from template.yaml by release/terraform.py; change that one.

variable "name" {
  description = "What the names of all resources begin with, as a stack's name does."
  type        = string
  default     = "remedy"
}

variable "zips" {
  description = "The folder of a release, which has the functions' code in a folder for each architecture."
  type        = string
}

variable "mode" {
  description = "act, or observe (think and tell, touch nothing) for the first days."
  type        = string
  default     = "observe"

  validation {
    condition     = contains(["act", "observe"], var.mode)
    error_message = "mode is one of act, observe."
  }
}

variable "units" {
  description = "systemd services a cleanup may restart, or start when they have failed, separated by commas; empty for none."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([A-Za-z0-9][A-Za-z0-9@_.-]*\\.service(,[A-Za-z0-9][A-Za-z0-9@_.-]*\\.service)*)?$", var.units))
    error_message = "units has another form: see its description."
  }
}

variable "cleanup_opt_ins" {
  description = "What a cleanup may do besides on every instance, as in the tag auto-remediation-cleanup; docs/host-scripts.md has the words."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([a-z]+(-[a-z]+)*(,[a-z]+(-[a-z]+)*)*)?$", var.cleanup_opt_ins))
    error_message = "cleanup_opt_ins has another form: see its description."
  }
}

variable "cooldown_minutes" {
  description = "Minutes an instance is left alone after an incident, whatever the symptom."
  type        = number
  default     = 15

  validation {
    condition     = var.cooldown_minutes >= 0 && var.cooldown_minutes <= 1440
    error_message = "cooldown_minutes is between 0 and 1440."
  }
}

variable "budget_percent" {
  description = "The share of a group, in percent, that may be out of service through Remedy; at least one member."
  type        = number
  default     = 10

  validation {
    condition     = var.budget_percent >= 1 && var.budget_percent <= 50
    error_message = "budget_percent is between 1 and 50."
  }
}

variable "standalone_budget" {
  description = "How many standalone instances of one pool may be out of service through Remedy."
  type        = number
  default     = 1

  validation {
    condition     = var.standalone_budget >= 1 && var.standalone_budget <= 100
    error_message = "standalone_budget is between 1 and 100."
  }
}

variable "notify_email" {
  description = "An address that receives every notification; empty for none."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^$|^[^@ ]+@[^@ ]+$", var.notify_email))
    error_message = "notify_email has another form: see its description."
  }
}

variable "stale_minutes" {
  description = "An alarm that is older when it arrives is not acted on."
  type        = number
  default     = 15

  validation {
    condition     = var.stale_minutes >= 1 && var.stale_minutes <= 360
    error_message = "stale_minutes is between 1 and 360."
  }
}

variable "young_minutes" {
  description = "An instance is left to boot for so long after its launch before it is rebooted or replaced; at least what a boot with its user data takes."
  type        = number
  default     = 10

  validation {
    condition     = var.young_minutes >= 0 && var.young_minutes <= 120
    error_message = "young_minutes is between 0 and 120."
  }
}

variable "agent_silent_minutes" {
  description = "An SSM agent that was silent for longer counts as one that does not answer; it pings every five."
  type        = number
  default     = 15

  validation {
    condition     = var.agent_silent_minutes >= 5 && var.agent_silent_minutes <= 120
    error_message = "agent_silent_minutes is between 5 and 120."
  }
}

variable "claim_minutes" {
  description = "The longest an incident may take before it is given up and told to a person."
  type        = number
  default     = 180

  validation {
    condition     = var.claim_minutes >= 180 && var.claim_minutes <= 1440
    error_message = "claim_minutes is between 180 and 1440."
  }
}

variable "disk_target_percent" {
  description = "A disk cleanup stops as soon as the file system is no fuller than this."
  type        = number
  default     = 80

  validation {
    condition     = var.disk_target_percent >= 10 && var.disk_target_percent <= 95
    error_message = "disk_target_percent is between 10 and 95."
  }
}

variable "floor_percent" {
  description = "Below this level of a symptom nothing is rebooted or replaced, whatever level an alarm's owner wants to be warned of."
  type        = number
  default     = 90

  validation {
    condition     = var.floor_percent >= 50 && var.floor_percent <= 100
    error_message = "floor_percent is between 50 and 100."
  }
}

variable "grow_gib_per_day" {
  description = "By how many GiB all volumes of the region together may be grown in a day. A volume grows only where its own tag auto-remediation-grow-to names a size."
  type        = number
  default     = 1000

  validation {
    condition     = var.grow_gib_per_day >= 0 && var.grow_gib_per_day <= 100000
    error_message = "grow_gib_per_day is between 0 and 100000."
  }
}

variable "volume_prices" {
  description = "What a GiB of each type of volume, and of a snapshot, costs a month, in US dollars; empty for none."
  type        = string
  default     = "gp3=0.08,gp2=0.10,io2=0.125,io1=0.125,st1=0.045,sc1=0.015,snapshot=0.05"

  validation {
    condition     = can(regex("^([a-z0-9]+=[0-9]{1,3}(\\.[0-9]{1,4})?(,[a-z0-9]+=[0-9]{1,3}(\\.[0-9]{1,4})?)*)?$", var.volume_prices))
    error_message = "volume_prices has another form: see its description."
  }
}

variable "volume_prices_as_of" {
  description = "The day on which these prices were written down."
  type        = string
  default     = "2026-11-28"

  validation {
    condition     = can(regex("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", var.volume_prices_as_of))
    error_message = "volume_prices_as_of has another form: see its description."
  }
}

variable "calendars" {
  description = "Names or ARNs of Systems Manager change calendars, separated by commas. While one of them is closed nothing is rebooted or replaced. Owners name others by the tag auto-remediation-calendar."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[A-Za-z0-9_.:/, -]*$", var.calendars))
    error_message = "calendars has another form: see its description."
  }
}

variable "chat_topic" {
  description = "Make a topic for Amazon Q Developer in chat applications, in the form that chat understands."
  type        = string
  default     = "no"

  validation {
    condition     = contains(["yes", "no"], var.chat_topic)
    error_message = "chat_topic is one of yes, no."
  }
}

variable "evidence_days" {
  description = "Days that what hosts and consoles told before an action stays in the evidence bucket."
  type        = number
  default     = 30

  validation {
    condition     = var.evidence_days >= 1 && var.evidence_days <= 365
    error_message = "evidence_days is between 1 and 365."
  }
}

variable "evidence_seconds" {
  description = "Seconds that a host has to say what it knows before it is rebooted or replaced."
  type        = number
  default     = 60

  validation {
    condition     = var.evidence_seconds >= 20 && var.evidence_seconds <= 120
    error_message = "evidence_seconds is between 20 and 120."
  }
}

variable "fleet_alarms" {
  description = "Make one alarm for each symptom that watches every instance of the region. CloudWatch bills the metrics they read: see docs/deploy.md."
  type        = string
  default     = "yes"

  validation {
    condition     = contains(["yes", "no"], var.fleet_alarms)
    error_message = "fleet_alarms is one of yes, no."
  }
}

variable "high_cpu_percent" {
  description = "Processor use, in percent, above which an instance has high CPU."
  type        = number
  default     = 90

  validation {
    condition     = var.high_cpu_percent >= 50 && var.high_cpu_percent <= 100
    error_message = "high_cpu_percent is between 50 and 100."
  }
}

variable "high_cpu_period_seconds" {
  description = "Seconds over which processor use is averaged; 60 where detailed monitoring is on everywhere."
  type        = number
  default     = 300

  validation {
    condition     = contains([60, 300], var.high_cpu_period_seconds)
    error_message = "high_cpu_period_seconds is one of 60, 300."
  }
}

variable "high_cpu_periods" {
  description = "How many periods in a row processor use must be too high."
  type        = number
  default     = 3

  validation {
    condition     = var.high_cpu_periods >= 1 && var.high_cpu_periods <= 30
    error_message = "high_cpu_periods is between 1 and 30."
  }
}

variable "memory_pressure_percent" {
  description = "Memory use, in percent, above which an instance has memory pressure."
  type        = number
  default     = 90

  validation {
    condition     = var.memory_pressure_percent >= 50 && var.memory_pressure_percent <= 100
    error_message = "memory_pressure_percent is between 50 and 100."
  }
}

variable "memory_pressure_minutes" {
  description = "How many minutes in a row memory use must be too high."
  type        = number
  default     = 5

  validation {
    condition     = var.memory_pressure_minutes >= 1 && var.memory_pressure_minutes <= 60
    error_message = "memory_pressure_minutes is between 1 and 60."
  }
}

variable "disk_full_percent" {
  description = "Use of a file system, in percent, above which it is full."
  type        = number
  default     = 90

  validation {
    condition     = var.disk_full_percent >= 50 && var.disk_full_percent <= 99
    error_message = "disk_full_percent is between 50 and 99."
  }
}

variable "disk_full_minutes" {
  description = "How many minutes in a row a file system must be too full."
  type        = number
  default     = 5

  validation {
    condition     = var.disk_full_minutes >= 1 && var.disk_full_minutes <= 60
    error_message = "disk_full_minutes is between 1 and 60."
  }
}

variable "unreachable_minutes" {
  description = "How many minutes in a row EC2's status checks must fail."
  type        = number
  default     = 3

  validation {
    condition     = var.unreachable_minutes >= 1 && var.unreachable_minutes <= 60
    error_message = "unreachable_minutes is between 1 and 60."
  }
}

variable "service_down_minutes" {
  description = "How many minutes in a row no process of a watched service may be left."
  type        = number
  default     = 3

  validation {
    condition     = var.service_down_minutes >= 1 && var.service_down_minutes <= 60
    error_message = "service_down_minutes is between 1 and 60."
  }
}

variable "architecture" {
  description = "The processor the functions are built for."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture is one of arm64, x86_64."
  }
}

variable "memory_megabytes" {
  description = "Memory of each function. They use some 20; more buys processor time, which a cold start feels."
  type        = number
  default     = 128

  validation {
    condition     = var.memory_megabytes >= 128 && var.memory_megabytes <= 1024
    error_message = "memory_megabytes is between 128 and 1024."
  }
}

variable "intake_megabytes" {
  description = "Memory of the function that takes alarms from the queue, up to 100 at once."
  type        = number
  default     = 512

  validation {
    condition     = var.intake_megabytes >= 128 && var.intake_megabytes <= 3008
    error_message = "intake_megabytes is between 128 and 3008."
  }
}

variable "reserved_concurrency" {
  description = "Executions reserved for each function, which are also the most it may have; 0 reserves none. An account keeps 100 unreserved, so that a new account, which has fewer, can reserve none. The queues need 3."
  type        = number
  default     = 0

  validation {
    condition     = var.reserved_concurrency >= 0 && var.reserved_concurrency <= 100
    error_message = "reserved_concurrency is between 0 and 100."
  }
}

variable "tracing" {
  description = "Active sends traces to X-Ray, and lets the functions write them."
  type        = string
  default     = "Disabled"

  validation {
    condition     = contains(["Active", "Disabled"], var.tracing)
    error_message = "tracing is one of Active, Disabled."
  }
}

variable "permissions_boundary" {
  description = "The ARN of a policy that bounds every role made here; empty for none."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:iam::[0-9]{12}:policy/.+)?$", var.permissions_boundary))
    error_message = "permissions_boundary has another form: see its description."
  }
}

variable "log_retention_days" {
  description = "Days the functions' logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 7, 14, 30, 90, 180, 365], var.log_retention_days)
    error_message = "log_retention_days is one of 1, 7, 14, 30, 90, 180, 365."
  }
}
