import Bytes
import Testing

@testable import Platform

@Suite("Ticket keys")
struct TicketKeysTests {
  private static let lifetime = TicketKeys.lifetimeSeconds

  /// Keys at times that a test names, in seconds.
  private final class Clocked {
    private var keys = TicketKeys()

    private func time(_ seconds: UInt64) -> Instant {
      Instant(nanoseconds: (1_000 + seconds) * 1_000_000_000)
    }

    func sealing(_ seconds: UInt64) throws -> TicketKeys.Key {
      let key = keys.newest(now: time(seconds))
      return try #require(key)
    }

    /// Whether the key of a ticket still seals; nil where it does not even open.
    func opens(_ name: [UInt8], _ seconds: UInt64) -> Bool? {
      keys.key(named: name, now: time(seconds))?.seals
    }
  }

  @Test("a key seals for its whole period, and another one after it")
  func rotation() throws {
    let keys = Clocked()
    let first = try keys.sealing(0).name
    #expect(try keys.sealing(Self.lifetime - 1).name == first)
    let second = try keys.sealing(Self.lifetime).name
    #expect(second != first)
    #expect(try keys.sealing(2 * Self.lifetime - 1).name == second)
    #expect(try keys.sealing(2 * Self.lifetime).name != second)
  }

  @Test("keys have nothing in common")
  func freshness() throws {
    let keys = Clocked()
    let first = try keys.sealing(0)
    let second = try keys.sealing(Self.lifetime)
    #expect(first.cipher != second.cipher && first.mac != second.mac)
    #expect(first.cipher != first.mac && first.cipher != [UInt8](repeating: 0, count: 32))
  }

  @Test("a key that no longer seals opens for one more period, and calls for a new ticket")
  func opening() throws {
    let keys = Clocked()
    let first = try keys.sealing(0).name
    #expect(keys.opens(first, Self.lifetime - 1) == true)
    #expect(keys.opens(first, Self.lifetime) == false)
    #expect(keys.opens(first, 2 * Self.lifetime - 1) == false)
    #expect(keys.opens(first, 2 * Self.lifetime) == nil)
  }

  @Test("a key whose time ended while nobody came is not taken up again")
  func pause() throws {
    let keys = Clocked()
    let first = try keys.sealing(0).name
    #expect(keys.opens(first, 10 * Self.lifetime) == nil)
    #expect(try keys.sealing(10 * Self.lifetime).name != first)
  }

  @Test("a ticket of somebody else opens with no key")
  func foreign() throws {
    let keys = Clocked()
    _ = try keys.sealing(0)
    #expect(keys.opens([UInt8](repeating: 7, count: 16), 1) == nil)
    #expect(keys.opens([], 1) == nil)
  }
}
