import Testing
import Wire

@Suite struct TextFormTests {
  @Test(arguments: [
    ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:DB8::10", "2001:db8::10"),
    ("2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"),  // RFC 5952, 4.2.3: the first of equal runs
    ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),  // 4.2.3: the longest run
    ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),  // 4.2.2: never a single group
    ("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
    ("fe80::1:2:3:4", "fe80::1:2:3:4"), ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
    ("::ffff:192.0.2.1", "192.0.2.1"), ("::ffff:c000:201", "192.0.2.1"), ("192.0.2.1", "192.0.2.1"), ("0.0.0.0", "0.0.0.0"),
    ("255.255.255.255", "255.255.255.255"),
  ]) func addressIsWrittenInItsOneForm(text: String, canonical: String) {
    #expect(InternetAddress(text: text)?.description == canonical)
  }

  @Test(arguments: [
    "", ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "12345::", "g::", "::1%eth0", "1:", ":1",
    "::1:", ":1::", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1..2.3", "1.2.3.4 ", " 1.2.3.4", "+1.2.3.4", "1.2.3.-4", "::1.2.3",
    "1.2.3.4::", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.4:5", "١.2.3.4", "::１", "[::1]", "1.2.3.4/24",
  ]) func whatIsNoAddressIsRefused(text: String) { #expect(InternetAddress(text: text) == nil) }

  @Test func randomAddressesSurviveARoundTrip() {
    var random = RandomMessages(generator: SeededGenerator(100))
    for _ in 0..<2000 {
      // Zero out groups at random, so that runs of all lengths come up.
      let mask = (0..<4).map { _ in random.count(1) == 0 ? UInt64(0) : 0xffff }.reduce(0) { $0 << 16 | $1 }
      let address = InternetAddress(high: random.number() & mask, low: random.number() & mask)
      #expect(InternetAddress(text: address.description) == address, "seed \(SeededGenerator.seed)")
    }
  }

  @Test func ethernetAddressIsWrittenInItsOneForm() {
    #expect(EthernetAddress(text: "02:00:5E:10:00:01")?.description == "02:00:5e:10:00:01")
    #expect(EthernetAddress(text: "02-00-5e-10-00-01")?.bits == 0x0200_5e10_0001)
  }

  @Test(arguments: [
    "", "02:00:5e:10:00", "02:00:5e:10:00:01:02", "2:0:5e:10:0:1", "02:00:5e:10:00:0g", "02:00-5e:10:00:01", "02005e100001",
  ]) func whatIsNoEthernetAddressIsRefused(text: String) { #expect(EthernetAddress(text: text) == nil) }

  @Test func prefixKeepsItsHostBits() throws {
    let prefix = try #require(InternetPrefix(text: "192.0.2.10/24"))
    #expect(prefix.description == "192.0.2.10/24")
    #expect(prefix.network == address("192.0.2.0"))
    #expect(prefix.contains(address("192.0.2.255")))
    #expect(!prefix.contains(address("192.0.3.0")))
    #expect(!prefix.contains(address("2001:db8::1")))
  }

  @Test(arguments: [
    ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/0", "::"), ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/33", "2001:db8:8000::"),
    ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/64", "2001:db8:ffff:ffff::"), ("2001:db8::ffff:ffff/127", "2001:db8::ffff:fffe"),
    ("2001:db8::1/128", "2001:db8::1"), ("255.255.255.255/0", "0.0.0.0"), ("255.255.255.255/1", "128.0.0.0"),
    ("255.255.255.255/32", "255.255.255.255"),
  ]) func prefixKnowsItsNetwork(text: String, network: String) {
    #expect(InternetPrefix(text: text)?.network.description == network)
  }

  @Test func noIPv4AddressIsInTheIPv6Network() throws {
    let everything = try #require(InternetPrefix(text: "::/0"))
    #expect(everything.contains(address("2001:db8::1")))
    #expect(!everything.contains(address("192.0.2.1")))
  }

  @Test(arguments: ["192.0.2.1", "192.0.2.1/", "192.0.2.1/33", "192.0.2.1/024", "192.0.2.1/-1", "::/129", "::/1/2", "/24", "::/+1"])
  func whatIsNoPrefixIsRefused(text: String) { #expect(InternetPrefix(text: text) == nil) }

  @Test func hexadecimalMayBeSpacedAndCommented() {
    #expect(Hexadecimal.octets(of: "00 1F # f0\nff:A0\t0") == nil)
    #expect(Hexadecimal.octets(of: "00 1F # f0\nff:A0\t0 1") == [0, 0x1f, 0xff, 0xa0, 1])
    #expect(Hexadecimal.octets(of: "0x00") == nil)
    #expect(Hexadecimal.text(of: [0, 0x1f, 0xff]) == "001fff")
  }

  @Test(arguments: [
    ("500us", 500_000), ("200ms", 200_000_000), ("60s", 60_000_000_000), ("60m", 3_600_000_000_000), ("24h", 86_400_000_000_000),
    ("0us", 0), ("1s", 1_000_000_000), ("1ms", 1_000_000), ("90s", 90_000_000_000),
  ]) func timesSurviveARoundTrip(text: String, nanoseconds: UInt64) {
    #expect(Interval(text: text)?.nanoseconds == nanoseconds)
    #expect(Interval(nanoseconds: nanoseconds).text == text)
  }

  @Test(arguments: [
    "307445735m", "18446744074s", "5124096h", "18446744073709552us", "18446744073709551615h", "1d", "s", "", "1.5s", "-1s", "١s",
  ]) func aTimeThatDoesNotFitIsRefusedInsteadOfBeingCutOff(text: String) { #expect(Interval(text: text) == nil) }

  @Test func theLongestTimeThatFitsIsRead() {
    #expect(Interval(text: "18446744073s") == .seconds(18_446_744_073))
    #expect(Interval(text: "1min") == .seconds(60))
  }

  @Test func aTimeThatCannotBeCountedStandsStillAndNeverWrapsAround() {
    let longest = Interval(nanoseconds: .max)
    #expect(Interval.seconds(.max) == longest && Interval.milliseconds(.max) == longest && Interval.microseconds(.max) == longest)
    #expect(Interval.seconds(10_000_000_000) * 2 == longest && longest + .seconds(1) == longest)
    #expect(Instant(nanoseconds: 5) + longest == Instant(nanoseconds: .max))
  }

  @Test(arguments: [
    ("192.0.2.10/24", "192.0.2.255"), ("192.0.2.10/32", "192.0.2.10"), ("1.2.3.4/0", "255.255.255.255"), ("10.0.0.5/30", "10.0.0.7"),
    ("2001:db8::1/64", "2001:db8::ffff:ffff:ffff:ffff"), ("2001:db8::1/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
  ]) func prefixKnowsItsLastAddress(text: String, last: String) { #expect(InternetPrefix(text: text)?.last.description == last) }
}
