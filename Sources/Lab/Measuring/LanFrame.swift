import Foundation

/// Frames of the LAN, put together and taken apart by hand (RFC 826).
enum LanFrame {
  static func octets(_ hardware: UInt64) -> [UInt8] { Array(hardware.octets.dropFirst(2)) }

  /// An Internet address's octets, 4 or 16.
  static func address(_ text: String) -> [UInt8] {
    guard text.contains(":") else { return text.split(separator: ".").compactMap { UInt8($0) } }
    var address = in6_addr()
    inet_pton(AF_INET6, text, &address)
    return withUnsafeBytes(of: address) { Array($0) }
  }

  private static let broadcast: [UInt8] = Array(repeating: 0xff, count: 6)
  private static let head: [UInt8] = [0x08, 0x06, 0, 1, 8, 0, 6, 4, 0]

  static func arpRequest(from hardware: [UInt8], _ source: [UInt8], for target: String) -> [UInt8] {
    broadcast + hardware + head + [1] + hardware + source + Array(repeating: 0, count: 6) + address(target)
  }

  /// Says to everybody that an address is at this machine (RFC 5227, 2.3): believed at once by all who have an entry for it.
  static func arpAnnouncement(from hardware: UInt64, _ claimed: String) -> [UInt8] {
    arpRequest(from: octets(hardware), address(claimed), for: claimed)
  }

  /// Says to one machine that an address is at this machine.
  static func gratuitousArp(from hardware: UInt64, _ claimed: String, to receiver: UInt64) -> [UInt8] {
    octets(receiver) + octets(hardware) + head + [2] + octets(hardware) + address(claimed) + broadcast + address(claimed)
  }

  /// Says to every node that an IPv6 address is at this machine, whatever they know (RFC 4861, 4.4).
  static func advertisement(from hardware: UInt64, _ claimed: String) -> [UInt8] {
    let everybody: [UInt8] = [0xff, 0x02] + Array(repeating: 0, count: 13) + [1]
    let address = address(claimed)
    // Router, override; then the option with the link-layer address.
    var message: [UInt8] = [136, 0, 0, 0, 0xa0, 0, 0, 0] + address + [2, 1] + octets(hardware)
    message.replaceSubrange(2..<4, with: internetChecksum(address + everybody + [0, 0, 0, UInt8(message.count), 0, 0, 0, 58] + message))
    let header: [UInt8] = [0x60, 0, 0, 0, 0, UInt8(message.count), 58, 255] + address + everybody
    return [0x33, 0x33, 0, 0, 0, 1] + octets(hardware) + [0x86, 0xdd] + header + message
  }

  static func isArpReply(_ frame: UnsafeRawBufferPointer, from source: String, to hardware: UInt64) -> Bool {
    frame.count >= 42 && frame[12..<14].number == 0x0806 && frame[21] == 2 && frame[0..<6].number == hardware
      && frame[28..<32].elementsEqual(address(source))
  }
}
