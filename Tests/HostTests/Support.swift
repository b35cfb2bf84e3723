import Wire

extension MemberProfile {
  /// Member 1, 2, 3 … of the examples: 10.0.0.N at 02:00:00:00:00:0N.
  static func example(_ number: UInt16) -> MemberProfile {
    MemberProfile(
      identifier: MemberIdentifier(rawValue: number), incarnation: 1, address: InternetAddress(ipv4: 0x0a00_0000 + UInt32(number)),
      ethernetAddress: EthernetAddress(bits: 0x0200_0000_0000 + UInt64(number)), weight: 100, agreementKey: [])
  }
}
