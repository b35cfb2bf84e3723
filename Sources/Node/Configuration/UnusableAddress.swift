import Linux
import Wire

extension InternetAddress {
  /// 127.0.0.0/8 or ::1.
  var isLoopback: Bool { ipv4.map { $0 >> 24 == 127 } ?? (high == 0 && low == 1) }

  /// 169.254.0.0/16 or fe80::/10.
  var isLinkLocal: Bool { ipv4.map { $0 >> 16 == 0xa9fe } ?? (high >> 54 == 0xfe80 >> 6) }

  /// Why the address alone does not tell where to send; nil when it does.
  var whyNeedsInterface: String? { ipv4 == nil && isLinkLocal ? "it is a link-local address, which is another on each interface" : nil }

  /// Why no machine of a network can be reached at this address, whatever the network; nil when one can.
  var whyUnusable: String? {
    guard let ipv4 else {
      if self == .unspecified { return "it is the unspecified address, which names no machine" }
      if isLoopback { return "it is the loopback address, which each machine has for itself" }
      return isMulticast ? "it is a multicast address" : nil
    }
    if ipv4 == .max { return "it is the broadcast address of every network" }
    if ipv4 >> 24 == 0 { return "it is in 0.0.0.0/8, which names no machine" }
    if isLoopback { return "it is a loopback address, which each machine has for itself" }
    return isMulticast ? "it is a multicast address" : nil
  }
}

extension InternetPrefix {
  /// Why no machine of this network can be reached at this address; nil when one can. Networks of two addresses or one have no address
  /// to spare for the network itself (RFC 3021, RFC 6164).
  var whyUnusable: String? {
    if let why = address.whyUnusable { return why }
    let isIPv4 = address.ipv4 != nil
    guard length < (isIPv4 ? 31 : 127), let network = InternetPrefix(address: network, length: length) else { return nil }
    if address == network.address {
      return isIPv4 ? "it is the address of the network \(network) itself" : "every router of the network \(network) has it"
    }
    return isIPv4 && address == last ? "it is the broadcast address of \(network)" : nil
  }
}

/// Refuses to share an address that is none of a machine's in the network that the interface is really in, whatever the configuration says.
func refuse(_ setting: String, _ addresses: [InternetAddress], in networks: [InterfaceAddress], of interface: String) throws(StartError) {
  for address in addresses {
    for network in networks {
      guard let own = InternetPrefix(address: network.address, length: Int(network.prefixLength)), own.contains(address),
        let why = InternetPrefix(address: address, length: own.length)?.whyUnusable
      else { continue }
      throw StartError("\(setting) names \(address), but \(interface) has \(own): \(why); name another address of that network")
    }
  }
}
