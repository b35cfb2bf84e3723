extension EventCatalogue {
  static let gateway: [EventDefinition] = states + gateways + forwarders

  private static let states: [EventDefinition] = [
    ("started", "it has just started", .notice, "it listens for a hold time", nothing),
    (
      "nobodyElse", "nobody else is", .notice, "no other router of the group is heard",
      "nothing where it is the first; else cable, firewall (UDP 3222)"
    ),
    ("activeSilent", "the active one is gone", .warning, "the active router died, hangs, or is cut off", "look at it"),
    ("preempted", "a higher priority takes over", .notice, "`preempt` and `priority` say so", nothing),
    (
      "lostTie", "another active one is preferred", .warning, "two active ones could not hear each other, and now do",
      "find out what parted them: cable, switch, firewall"
    ),
    ("betterStandby", "another is the better standby", .notice, "by priority, then address", nothing),
    ("bestStandby", "it is the best behind the active one", .notice, "it takes over when the active one goes", nothing),
    (
      "leaseLapsed", "it stood still for too long", .warning, "this daemon did not run for a hold time",
      "load, swapping, the host of a virtual machine; `realtime`; a larger `hold`"
    ),
    ("carrierLost", "the carrier is lost", .warning, "the cable is out, or the port is down", "cable, port, switch"),
    ("carrierFound", "the carrier is back", .notice, "the link is back", nothing),
    (
      "asked", "it was asked to", .notice, "`skein leave`, or the daemon was told to stop",
      "nothing; `systemctl restart skein` brings it back"
    ),
    ("cluster", "the cluster says so", .notice, "the cluster's master is the active router", nothing),
  ].map { reason, words, severity, meaning, advice in
    EventDefinition(.gatewayState, reason, severity, "this gateway is {state}: \(words)", means: meaning, do: advice)
  }

  private static let gateways: [EventDefinition] = [
    .init(
      .gatewayActive, nil, .notice, "{address} is the active virtual gateway", means: "it answers the hosts now", do: nothing),
    .init(.gatewayFound, nil, .notice, "gateway {address} is there", means: "a router of the group is heard", do: nothing),
    .init(
      .gatewayLost, "silent", .warning, "gateway {address} is gone: silent for its hold time",
      means: "it died, hangs, or is cut off; the others take its virtual MAC addresses", do: "look at it"),
    .init(.gatewayLost, "left", .notice, "gateway {address} is gone: it left", means: "it was told to leave", do: nothing),
    .init(
      .gatewayLost, "restarted", .notice, "gateway {address} is gone: its daemon was started again",
      means: "its daemon is another run than before", do: "nothing, if somebody did it; else `journalctl -u skein` there"),
    .init(
      .gatewayWeight, "forwards", .notice, "weight {weight}: this gateway forwards",
      means: "what it tracks is up again, or its weight was set",
      do: nothing),
    .init(
      .gatewayWeight, "forwardsNothing", .warning, "weight {weight}: this gateway forwards nothing",
      means: "what it tracks is down; its hosts go on elsewhere", do: "the tracked objects: `skein gateway status` names them"),
    .init(
      .gatewayDraining, nil, .notice, "this gateway gives its forwarders away", means: "`skein drain` here",
      do: "nothing; `skein undrain` takes it back"),
    .init(
      .gatewayUndrained, nil, .notice, "this gateway takes forwarders again", means: "`skein undrain` here", do: nothing),
    .init(
      .gatewayAddressConflict, nil, .critical, "{ethernet} uses {address}, which is the group's",
      means: "a machine claims the hosts' gateway: a leftover of VRRP, an address on an interface",
      do: "find its port; take the address from it"),
    .init(
      .gatewayLeaseLapsed, nil, .warning, "this daemon stood still for too long; the others may have taken over",
      means: "it did not run for a hold time", do: "load, swapping, the host of a virtual machine; `realtime`; a larger `hold`"),
    .init(
      .gatewayCarrierLost, nil, .warning, "the interface has no carrier", means: "the cable is out, or the port is down",
      do: "cable, port, switch"),
    .init(
      .gatewayCarrierFound, nil, .notice, "the interface has a carrier again", means: "the link is back", do: nothing),
    .init(
      .gatewayRouting, "kernel", .warning, "the kernel routes from now on: {explanation}",
      means: "somebody loaded firewall rules, which XDP would go around: they are obeyed, and each packet costs more",
      do: "nothing, if the rules are meant"),
    .init(
      .gatewayRouting, "xdp", .notice, "XDP routes from now on: no rule looks at forwarded packets any more",
      means: "the last firewall rule for forwarded packets went", do: "nothing, if they were meant to go"),
  ]

  private static let forwarders: [EventDefinition] =
    [
      ("registered", "it registered", .debug, "a new router gets its own virtual MAC addresses", nothing),
      ("holderLost", "{its|their} holder is gone", .debug, "`gatewayLost` says why", "the line of `gatewayLost`"),
      (
        "holderRefused", "its holder does not take it", .warning, "a router that should forward for it does not",
        "`skein gateway status` there: weight, carrier, drained?"
      ),
      ("home", "its home is back", .notice, "the router that it was given to first has it again", nothing),
      ("balance", "to balance the traffic", .notice, "another router carries too little", "nothing; `skein gateway plan`"),
      ("drain", "its holder drains", .notice, "its router is drained, or its weight is low", nothing),
      ("claimed", "it claims it", .notice, "a router says that it has it already", nothing),
    ].map { reason, words, severity, meaning, advice in
      EventDefinition(
        .forwarderAssigned, reason, severity, "{forwarders} {goes|go} to {address}: \(words)", means: meaning, do: advice)
    } + [
      EventDefinition(
        .forwarderHere, nil, .debug, "{forwarders} {is|are} here", means: "this router forwards for their virtual MAC addresses",
        do: nothing)
    ]
    + [
      ("moved", "{it|they} moved", "another router has them, as it was decided", nothing),
      (
        "taken", "another gateway took {it|them}", "another router forwards for them, and is to be preferred",
        "if it lasts: do they hear each other?"
      ),
      (
        "leaseLapsed", "this daemon stood still for too long", "it did not run for a hold time",
        "load, swapping, the host of a virtual machine"
      ),
      ("carrierLost", "the carrier is lost", "the cable is out, or the port is down", "cable, port, switch"),
      ("left", "this gateway leaves", "`skein leave`, or the daemon was told to stop", nothing),
      ("retired", "{it is|they are} retired", "their home has been gone for too long, and nobody serves them any more", nothing),
    ].map { reason, words, meaning, advice in
      EventDefinition(.forwarderGone, reason, .debug, "{forwarders} {is|are} here no more: \(words)", means: meaning, do: advice)
    } + [
      EventDefinition(
        .forwarderHandedOutNoMore, nil, .notice, "{forwarders}: hosts are answered with it no more, its home has been gone for too long",
        means: "`redirect` is over: hosts that ask get another one", do: "the router that was its home, if it is to come back"),
      EventDefinition(
        .forwarderRetired, nil, .notice, "{forwarders} {is|are} retired: nobody serves it any more",
        means: "`timeout` is over", do: nothing),
    ]
}
