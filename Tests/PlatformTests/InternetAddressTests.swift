import Platform
import Testing

@Suite("InternetAddress")
struct InternetAddressTests {
  @Test("is written as dotted decimals or as RFC 5952 says")
  func text() {
    #expect(InternetAddress(high: 0, low: 0xffff_c000_0201).description == "192.0.2.1")
    #expect(InternetAddress(high: 0, low: 1).description == "::1")
    #expect(
      InternetAddress(high: 0x2001_0db8_0000_0000, low: 0x0001_0000_0000_00ff).description
        == "2001:db8::1:0:0:ff")
    #expect(InternetAddress.unknown.description == "::")
  }
}
