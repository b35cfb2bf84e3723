import Testing
import Wire

@testable import Node

/// What the answer for a cluster address tells of whoever gives it.
@Suite struct AddressProbeTests {
  @Test func clustersSharedAddressIsToldFromACardsOwn() {
    let address = InternetAddress(ipv4: 0xc000_020a)
    for cluster in [UInt16(1), 77, 65535] {
      for isMulticast in [true, false] {
        let shared = EthernetAddress.shared(cluster: ClusterIdentifier(rawValue: cluster), address: address, multicast: isMulticast)
        #expect(shared.isSharedByMembers(of: address))
      }
    }
    // A virtual card's, and a router's.
    #expect(!EthernetAddress(bits: 0x0242_ac11_0002).isSharedByMembers(of: address))
    #expect(!EthernetAddress(bits: 0x001b_2101_0203).isSharedByMembers(of: address))
  }
}
