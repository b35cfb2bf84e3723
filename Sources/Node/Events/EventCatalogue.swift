// The one table of events: name × reason → how much it matters, the sentence, what it means, what to do. The text of `skein events`, the JSON's
// `severity`, `meaning` and `advice`, the log's levels and the table in docs/operations.md are made of it, and of nothing else.

/// One line of the table.
struct EventDefinition: Sendable {
  let name: Event.Name
  let reason: String?
  let severity: Event.Severity
  /// With `{member}` where the field goes, `{is|are}` for one forwarder or several, and `[…]` around what goes when its field is missing.
  let template: String
  let meaning: String
  let advice: String

  init(
    _ name: Event.Name, _ reason: String? = nil, _ severity: Event.Severity, _ template: String, means meaning: String, do advice: String
  ) {
    self.name = name
    self.reason = reason
    self.severity = severity
    self.template = template
    self.meaning = meaning
    self.advice = advice
  }

  /// The event in a sentence, with its reason.
  func sentence(_ fields: EventFields) -> String {
    var (result, part, isPartWhole, isOptional) = ("", "", true, false)
    var rest = template[...]
    while let next = rest.first {
      rest = rest.dropFirst()
      switch next {
      case "[": (isOptional, part, isPartWhole) = (true, "", true)
      case "]":
        if isPartWhole { result += part }
        isOptional = false
      case "{":
        let name = rest.prefix { $0 != "}" }
        rest = rest.dropFirst(name.count + 1)
        let value = Self.value(name, fields)
        if value == nil { isPartWhole = false }
        if isOptional { part += value ?? "" } else { result += value ?? "?" }
      case let character: if isOptional { part.append(character) } else { result.append(character) }
      }
    }
    return result
  }

  /// A field as the sentence has it; nil when it is missing.
  private static func value(_ name: Substring, _ fields: EventFields) -> String? {
    switch name {
    case "member": fields.member.map(String.init)
    case "address": fields.address
    case "ethernet": fields.ethernetAddress
    case "from": fields.from.map(String.init)
    case "to": fields.to.map(String.init)
    case "term": fields.term.map(String.init)
    case "units": fields.unit.map { "unit \($0)" } ?? fields.units.map { "\($0) \($0 == 1 ? "unit" : "units")" }
    case "epoch": fields.epoch.map(String.init)
    case "forwarders": fields.forwarders.map(forwarders)
    case "state": fields.state.map { phases[$0] ?? $0 }
    case "weight": fields.weight.map(String.init)
    case "path": fields.packetPath
    case "version": fields.version.map(String.init)
    case "setting": fields.setting
    case "seconds": fields.seconds.map { "\($0)" }
    case "standstill": fields.standstillMilliseconds.map(String.init)
    case "explanation": fields.explanation
    default: (fields.forwarders?.count == 1 ? name.split(separator: "|").first : name.split(separator: "|").last).map(String.init)
    }
  }

  /// “forwarder 3”, “forwarders 1, 2 and 7”, “24 forwarders”.
  private static func forwarders(_ numbers: [Int]) -> String {
    switch numbers.count {
    case 1: "forwarder \(numbers[0])"
    case 2...10: "forwarders \(numbers.dropLast().map(String.init).joined(separator: ", ")) and \(numbers[numbers.count - 1])"
    default: "\(numbers.count) forwarders"
    }
  }

  /// A gateway's states, by their names in the JSON.
  private static let phases = [
    "starting": "starting", "listen": "listening", "speak": "standing for election", "standby": "the standby",
    "active": "the active virtual gateway", "down": "down", "left": "out of the group",
  ]

  /// The line of the table in docs/operations.md.
  var documented: String {
    let sentence = template.replacing(/[\[\]]/, with: "").replacing(/\{([^}]*)\}/) { match in
      match.1.contains("|") ? String(match.1.split(separator: "|").last ?? "") : "…"
    }
    let word = "`\(name.rawValue)`" + (reason.map { " `\($0)`" } ?? "")
    return "| \(word) | \(severity.rawValue) | \(sentence) | \(meaning) | \(advice) |"
  }
}

/// Every event that there is.
enum EventCatalogue {
  /// The line of a name and a reason; a plain one for what is not in the table, which a test forbids.
  static func definition(of name: Event.Name, _ reason: String?) -> EventDefinition {
    lines[Key(name: name, reason: reason)]
      ?? EventDefinition(name, reason, .notice, name.rawValue + (reason.map { ": \($0)" } ?? ""), means: "", do: "")
  }

  private struct Key: Hashable {
    var name: Event.Name
    var reason: String?
  }

  private static let lines = Dictionary(uniqueKeysWithValues: all.map { (Key(name: $0.name, reason: $0.reason), $0) })

  /// In the order of the document.
  static let all: [EventDefinition] = master + membership + refusals + units + machine + orders + gateway

  static let nothing = "nothing"

  private static let master: [EventDefinition] = [
    .init(
      .becameMaster, "nobodyElse", .notice, "this machine is the master of term {term}: nobody else answered",
      means: "it asked, and no other machine answered: it is the first one up, or the others do not hear it",
      do: "nothing where it is the first; else the firewall (UDP 31945), `skein doctor`: `members`"),
    .init(
      .becameMaster, "masterSilent", .warning, "this machine is the master of term {term}: the last one fell silent",
      means: "the last master died, hangs, or is cut off; the members made this machine its successor", do: "look at the last master"),
    .init(
      .becameMaster, "masterLeft", .notice, "this machine is the master of term {term}: the last one left",
      means: "the last master was told to leave, and handed over", do: nothing),
    .init(
      .becameMaster, "elected", .notice, "this machine is the master of term {term}: a majority wanted it",
      means: "the members chose it", do: nothing),
    .init(
      .steppedDown, "lostTieBreak", .warning,
      "no longer the master of term {term}: another master has more members, or the lower address",
      means: "two masters could not hear each other, and now do; one yields",
      do: "find out what parted them: cable, switch, firewall; `skein events` of both"),
    .init(
      .steppedDown, "olderConfiguration", .notice, "no longer the master of term {term}: another machine has a newer configuration",
      means: "another master has a newer personality", do: "nothing: it is fetched"),
    .init(
      .steppedDown, "leaseLapsed", .warning,
      "no longer the master of term {term}: its lease ran out: it was stopped, or too few members heard it",
      means: "the daemon did not run in time, or the members did not hear it",
      do: "load, swapping, the host of a virtual machine; cable, port; `skein events`: `leaseLapsed` beside it"),
    .init(
      .steppedDown, "leaving", .notice, "no longer the master of term {term}: it leaves", means: "it was told to leave", do: nothing),
    .init(
      .steppedDown, "carrierLost", .warning, "no longer the master of term {term}: it lost its carrier",
      means: "the cable is out, or the port is down", do: "cable, port, switch"),
    .init(
      .steppedDown, "toldToExit", .notice, "no longer the master of term {term}: it was told to leave",
      means: "another master told it to leave", do: "`skein events` there"),
    .init(
      .steppedDown, "newerMaster", .notice, "no longer the master of term {term}: there is a newer one",
      means: "the members follow another master", do: "nothing, if it happens once; else cable and port of this machine"),
    .init(
      .steppedDown, "addressInUse", .warning, "no longer the master of term {term}: a cluster address is in use",
      means: "somebody else answers for a cluster address; `addressInUse` beside it says who", do: "the line of `addressInUse`"),
    .init(
      .following, nil, .notice, "following member {member}, master of term {term}", means: "this machine is a member", do: nothing),
    .init(
      .masterSilent, nil, .warning, "member {member}, master of term {term}, fell silent: looking for another",
      means: "the master died, hangs, or is cut off, or this machine is", do: "look at that machine; `skein status` on the others"),
    .init(
      .servingAlone, nil, .warning, "serving alone: no other member is heard",
      means: "this machine has all the work", do: "are the others down? else cable, switch, firewall"),
    .init(
      .idleAlone, nil, .warning, "alone, and nothing is heard on the wire: serving nothing until something is",
      means: "nothing at all arrives at this machine, so it takes itself for the one that is cut off", do: "cable, VLAN, switch port"),
  ]

  private static let membership: [EventDefinition] = [
    .init(
      .memberJoined, nil, .notice, "member {member} ({address}) joined[, keeping {units}]", means: "it is in, and gets work",
      do: nothing),
    .init(
      .memberLeft, "silent", .warning, "member {member} is out: not heard for the detection interval; {units} to assign",
      means: "it died, hangs, is unplugged, or nothing of what it sends arrives",
      do: "look at that machine: power, `systemctl status skein`, cable, port"),
    .init(
      .memberLeft, "deaf", .warning, "member {member} is out: heard, but it does not hear; {units} to assign",
      means: "what it sends arrives, and it hears nothing of the master: a link that carries one way only",
      do: "that member's firewall, cable, port; it is out meanwhile"),
    .init(
      .memberLeft, "farewell", .notice, "member {member} is out: it said farewell; {units} to assign",
      means: "it was told to leave, or its daemon was stopped in order", do: nothing),
    .init(
      .memberLeft, "restarted", .notice, "member {member} is out: it was restarted; {units} to assign",
      means: "its daemon is another run than before", do: "nothing, if somebody did it; else `journalctl -u skein` there"),
    .init(
      .memberLeft, "expelled", .notice, "member {member} is out: expelled; {units} to assign",
      means: "the operator put it out, or it is to fetch a newer personality", do: nothing),
    .init(
      .memberLeft, "revoked", .warning, "member {member} is out: its certificate is revoked; {units} to assign",
      means: "the list of revocations names its certificate", do: "issue another, with a new member number, if it shall come back"),
    .init(
      .memberLeft, "didNotFollow", .warning, "member {member} is out: it did not come along to the new master; {units} to assign",
      means: "it did not answer when the members chose a new master", do: "look at that machine; it joins by itself when it can"),
    .init(
      .memberLeft, "keptOldKey", .warning, "member {member} is out: it did not take the new group key in time; {units} to assign",
      means: "it did not answer while the group key was renewed", do: "look at that machine; it joins by itself when it can"),
    .init(
      .toldToLeave, "notAMember", .notice, "told by member {member} to leave: it does not know this machine",
      means: "the master had taken this machine out", do: "nothing: it joins again; `skein events` of the master says why"),
    .init(
      .toldToLeave, "olderConfiguration", .notice, "told by member {member} to leave: this machine's configuration is older",
      means: "the cluster has a newer personality", do: "nothing: it is fetched, where `cluster.personality` is set"),
    .init(
      .toldToLeave, "revoked", .critical, "told by member {member} to leave: this machine's certificate is revoked",
      means: "the list of revocations names it", do: "issue another certificate, with a new member number"),
    .init(
      .toldToLeave, "newEpoch", .notice, "told by member {member} to leave: the group key was renewed without this machine",
      means: "it did not answer while the group key was renewed", do: "nothing: it joins again"),
    .init(
      .toldToLeave, "expelled", .warning, "told by member {member} to leave: expelled by the operator",
      means: "somebody ran `skein expel` on the master", do: "ask who; `skein events` of the master"),
    .init(
      .toldToLeave, "leaving", .notice, "told by member {member} to leave: it is leaving",
      means: "the master leaves", do: nothing),
    .init(
      .toldToLeave, "otherMaster", .notice, "told by member {member} to leave: there is another master",
      means: "two masters found each other, and this machine's yielded", do: "nothing: it joins the other"),
    .init(
      .memberDraining, nil, .notice, "member {member} is draining",
      means: "somebody there wants its work to go to the others, by `drain`, `leave` or by stopping the daemon",
      do: "nothing; `skein undrain` there takes it back"),
    .init(
      .memberUndrained, nil, .notice, "member {member} takes work again", means: "somebody ran `skein undrain` there", do: nothing),
    .init(
      .addressInUse, "otherCluster", .critical,
      "{address} is answered for by {ethernet}, which this machine cannot join: it does not become the master. "
        + "Another cluster's `id`, another authority's certificate, or a firewall between them?",
      means: "a cluster serves this address that this machine cannot read or hear; it waits, and asks again every few seconds",
      do: "`skein doctor`; compare the authority's file, `id`, and the firewall on UDP 31945 with the other machine's"),
    .init(
      .addressInUse, "noCluster", .warning,
      "{address} is still answered for by {ethernet}, which is no cluster: serving beside it. Proxy ARP, or a machine with this address?",
      means: "a router with proxy ARP, or a machine with this address: this machine waited half a minute",
      do: "take the address from it; no proxy ARP on that network"),
  ]

  /// What a master may have against a machine, told on both sides.
  private static let refusals: [EventDefinition] = [
    ("operationInProgress", "still being decided", "the master asks its applications, or waits for an answer", nothing),
    (
      "unknownAuthority", "its certificate is not by this cluster's authority", "another authority's file",
      "`skein certificate show FILE` on both; issue one from the right authority"
    ),
    (
      "certificateExpired", "its certificate has expired or is not valid yet; check the clocks", "time",
      "`skein certificate show FILE` and `date -u`: renew it, or set the clock"
    ),
    (
      "certificateRevoked", "its certificate is revoked", "the list of revocations names it",
      "issue another, with a new member number"
    ),
    (
      "noProofOfPossession", "it could not prove that it has its certificate's key",
      "certificate and key do not match, or somebody uses a stolen certificate", "issue another; find out who sends"
    ),
    (
      "olderConfiguration", "its configuration is older", "the cluster has a newer personality",
      "nothing: it is fetched; without `cluster.personality` there is nowhere to put it"
    ),
    ("application", "an application objects", "the join hook's words are in brackets", "ask that application"),
    (
      "duplicateMember", "another machine has this member number",
      "two machines with one number, or its own last run still speaks",
      "another number and certificate (`skein doctor`: `member-number`); the last run is over after one detection interval"
    ),
    ("clusterFull", "the cluster is full", "there are as many members as there can be", "take another out first"),
    (
      "differentConfiguration",
      "its cluster settings differ; compare addresses, delivery, detection, partition and hash",
      "`addresses`, `delivery`, `detection`, `partition`, `routing` or `hash` differ", "make the files of both alike"
    ),
  ].flatMap { reason, words, meaning, advice in
    let severity: Event.Severity = reason == "operationInProgress" ? .notice : .warning
    return [
      EventDefinition(
        .refusedByMaster, reason, severity, "master {member} ({address}) refuses this machine: \(words)[ ({explanation})]", means: meaning,
        do: advice),
      EventDefinition(
        .joinerRefused, reason, severity, "member {member} may not join: \(words)[ ({explanation})]", means: meaning, do: advice),
    ]
  }

  private static let units: [EventDefinition] = [
    .init(.unitsAssigned, nil, .debug, "{units} assigned to member {to}", means: "they had no owner", do: nothing),
    .init(
      .unitsMoving, "balance", .debug, "{units} moving from member {from} to {to}: balance", means: "each gets its part", do: nothing),
    .init(
      .unitsMoving, "drain", .debug, "{units} moving from member {from} to {to}: drain", means: "the member is drained", do: nothing),
    .init(
      .unitsMoving, "leave", .debug, "{units} moving from member {from} to {to}: leave", means: "the member leaves", do: nothing),
    .init(
      .unitsMoving, "placement", .debug, "{units} moving from member {from} to {to}: placement",
      means: "the virtual gateway wants them there", do: nothing),
    .init(.unitsOwned, nil, .debug, "processing {units}", means: "they are this machine's now", do: nothing),
    .init(.unitsStopped, nil, .debug, "no longer processing {units}", means: "they are this machine's no more", do: nothing),
    .init(
      .conflictingClaims, nil, .critical, "member {member} claims {units} that another claims too",
      means: "two members claimed one unit: must never be",
      do: "save `skein events --json` and `skein counters --json` of all members; restart the one named; report it"),
  ]

  private static let machine: [EventDefinition] = [
    .init(
      .leaseLapsed, "notRenewed", .warning, "the lease has run out: processing nothing until it is renewed",
      means: "the master did not hear this machine, or was not heard", do: "cable, port errors, loss; `skein status` of the master"),
    .init(
      .leaseLapsed, "standstill", .warning,
      "the lease has run out: processing nothing until it is renewed; this process stood still for {standstill} ms",
      means: "this daemon did not run in time",
      do: "load, swapping, the host of a virtual machine; `realtime`; a larger `detection`"),
    .init(
      .groupKeyRenewed, nil, .notice, "new group key, epoch {epoch}", means: "a member was put out, and the others have a new key",
      do: nothing),
    .init(
      .carrierLost, nil, .warning, "the interface has lost its carrier: processing nothing", means: "the cable is out, or the port is down",
      do: "`ip link`; cable, port, switch; it joins by itself afterwards"),
    .init(
      .carrierFound, nil, .notice, "the interface has a carrier again: joining afresh", means: "the link is back", do: nothing),
    .init(
      .packetPathFallback, nil, .warning, "the packet path runs by {path}: {explanation}",
      means: "a slower packet path runs than the one that was tried first", do: "`skein doctor`; operations: where the packet path runs"),
    .init(
      .machineChanged, "interfaceGone", .critical, "the interface {setting} is gone: stopping, and waiting for it",
      means: "the card was pulled out, or a virtual interface was deleted; another one of this name is taken when it comes",
      do: "bring the interface back; it joins by itself afterwards"),
    .init(
      .machineChanged, "interfaceRenamed", .critical, "the interface {setting} is called {explanation} now: handing the work over",
      means: "somebody renamed it; the daemon waits for an interface of the configured name",
      do: "give it its name back, or set `interface` and restart the daemon"),
    .init(
      .machineChanged, "addressGone", .critical, "{setting} has lost {address}, by which this machine speaks: stopping, and waiting for it",
      means: "DHCP, a network manager or somebody took it away", do: "give it back; it joins by itself afterwards"),
    .init(
      .machineChanged, "ethernetAddress", .warning,
      "the MAC address of {setting} is {ethernet} now: handing the work over to start afresh with it",
      means: "a bond, a bridge, a migration or somebody changed it; the packet path uses it already", do: nothing),
    .init(
      .machineChanged, "mtu", .notice, "the MTU of {setting} went from {explanation}",
      means: "somebody changed it", do: "the same on all members; `skein doctor`: `mtu`"),
    .init(
      .machinePutRight, "address", .warning, "{setting} had vanished from lo, and is there again",
      means: "something removes addresses that it does not know, and clients were refused meanwhile",
      do: "find it: networkd, NetworkManager, netplan, `ip addr flush`; have it leave lo alone"),
    .init(
      .machinePutRight, "variable", .warning, "the kernel variable {setting} had become {explanation}, and is as it was",
      means: "something else sets it", do: "find it: `sysctl.d`, a network manager, keepalived, another daemon"),
    .init(
      .machinePutRight, "filter", .warning, "the interface had stopped to accept frames to {setting}, and accepts them again",
      means: "something removed the MAC address from its filter", do: "find it: `bridge fdb`, a network manager, a driver that was reset"),
    .init(
      .machinePutRight, "loopback", .warning, "lo was {explanation}, and is on again",
      means: "addresses on lo are of no use while it is off", do: "find who switched it off"),
    .init(
      .machineNotPutRight, nil, .critical, "{setting} is not as this daemon needs it, and cannot be put right: {explanation}",
      means: "somebody changed it, and the kernel does not let the daemon change it back",
      do: "mend it by hand, or `skein drain` until it is; it is tried each second"),
    .init(
      .clockJumped, "forward", .warning, "the wall clock was set forward by {seconds} s",
      means: "somebody or a time service set it; leases go by another clock",
      do: "check the time: certificates are judged by it"),
    .init(
      .clockJumped, "backward", .warning, "the wall clock was set back by {seconds} s",
      means: "somebody or a time service set it; leases go by another clock",
      do: "check the time: certificates are judged by it, and times of events overlap"),
    .init(
      .startedAfresh, nil, .notice, "this daemon started afresh: {explanation}",
      means: "the last one could not go on, and executed itself anew", do: nothing),
    .init(
      .waitedForMachine, nil, .notice, "waited for {seconds} s: {explanation}",
      means: "the daemon was started before its interface or its address was there", do: nothing),
  ]

  private static let orders: [EventDefinition] = [
    .init(
      .drainOrdered, nil, .notice, "this machine is to hand over its work and stay", means: "`skein drain` here",
      do: "nothing; `skein undrain` takes it back"),
    .init(.undrainOrdered, nil, .notice, "this machine is to take work again", means: "`skein undrain` here", do: nothing),
    .init(
      .leaveOrdered, nil, .notice, "this machine is to hand over its work and leave",
      means: "`skein leave`, or the daemon was told to stop", do: "nothing; `systemctl restart skein` brings it back"),
    .init(.configurationReloaded, nil, .notice, "the configuration was read again", means: "it is in force", do: nothing),
    .init(
      .reloadRefused, "invalid", .warning, "refused: {explanation}", means: "the file has mistakes; nothing changed",
      do: "`skein check`, then `skein reload` again"),
    .init(
      .reloadRefused, "needsRestart", .warning, "nothing changed: {explanation}",
      means: "the file has a setting that cannot change while the daemon runs", do: "restart the daemon, or put the setting back"),
    .init(
      .startsAfresh, nil, .notice, "personality {version} changes {explanation}: this daemon hands its work over and starts afresh",
      means: "a newer personality needs a fresh daemon", do: "nothing: it comes back by itself"),
    .init(
      .personalityFetched, nil, .notice, "personality {version} fetched from member {member}",
      means: "the newer settings are here", do: nothing),
    .init(
      .personalityUnfit, nil, .warning, "personality {version} from member {member} does not fit this machine: {explanation}",
      means: "this machine's own file and the personality do not go together", do: "mend this machine's file"),
  ]
}
