import Testing

@testable import Platform

/// What the kernel knows of this machine's own addresses.
@Suite("Interfaces")
struct InterfacesTests {
  @Test("each interface gives one address that others can dial")
  func interfaces() {
    let addresses = Routing.interfaceAddresses()
    #expect(Set(addresses).count == addresses.count)
    for address in addresses {
      #expect(!address.isLoopback && !address.isLinkLocal)
      #expect(!address.isWildcard && !address.isMulticast)
      #expect(Routing.source(toReach: address) != nil)
    }
  }
}
