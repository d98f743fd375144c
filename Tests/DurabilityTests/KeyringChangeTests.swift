import Bytes
import Crypto
import Simulation
import Testing

@testable import Durability

@Suite("Keyring changes")
struct KeyringChangeTests {
  private let key = Fixed.keyEncryptionKey
  private let otherKey = [UInt8](repeating: 77, count: 32)
  private let salt = [UInt8](repeating: 1, count: 32)

  private func rotated(_ keyring: Keyring, at milliseconds: UInt64 = 1_000) throws -> Keyring {
    try keyring.rotated(
      keyEncryptionKey: key.span, milliseconds: milliseconds, random: Fixed.seeded(milliseconds))
  }

  private func derived(_ keyring: Keyring, _ id: UInt32) throws -> [UInt8] {
    try keyring.deriveKey(id: id, salt: salt.span, label: "wal")
  }

  @Test("a rotation adds a key that everything new uses, and keeps the others")
  func rotate() throws {
    let first = Fixed.keyring()
    let second = try rotated(first)
    let third = try rotated(second, at: 2_000)
    #expect(third.keyIDs == [1, 2, 3] && third.currentKeyID == 3)
    #expect(third.made(2) == 1_000 && third.made(3) == 2_000)
    #expect(try derived(third, 1) == derived(first, 1))
    #expect(try derived(third, 2) == derived(second, 2))
    let keys = [try derived(third, 1), try derived(third, 2), try derived(third, 3)]
    #expect(Set(keys).count == 3)
  }

  @Test("the file of a keyring with two keys has these bytes")
  func golden() throws {
    let disk = SimulatedDisk(seed: 1)
    let random = Fixed.counting(from: 100)
    let first = try Keyring.open(
      disk, keyEncryptionKey: key.span, milliseconds: 1_700_000_000_000, random: random)
    try first.rotated(
      keyEncryptionKey: key.span, milliseconds: 1_700_000_000_001, random: random
    ).save(on: disk)
    let text = String(decoding: try #require(disk.content(of: "keyring.json")), as: UTF8.self)
    let lines = text.split(separator: "\n").map(String.init)
    #expect(
      lines.count == 4 && lines[0] == #"{"format":1,"current":2,"keys":["# && lines[3] == "]}")
    let begin = #"","wrapped":[{"by":"08d3c799fa96c364","salt":""#.dropFirst()
    #expect(
      lines[1].hasPrefix(#"{"id":1,"made":1700000000000\#(begin)\#(hex(Array(132..<164)))"#))
    #expect(
      lines[2].hasPrefix(#"{"id":2,"made":1700000000001\#(begin)\#(hex(Array(196..<228)))"#))
    #expect(lines[1].hasSuffix(#""}]},"#) && lines[2].hasSuffix(#""}]}"#))
  }

  @Test("a saved keyring opens with all its keys and their times")
  func reopen() throws {
    let disk = SimulatedDisk(seed: 1)
    let keyring = try rotated(rotated(Fixed.keyring()), at: 2_000)
    try keyring.save(on: disk)
    let found = try #require(
      try Keyring.read(disk.afterCrash(), keyEncryptionKey: key.span))
    #expect(found.keyIDs == [1, 2, 3] && found.currentKeyID == 3)
    #expect(found.made(1) == nil && found.made(2) == 1_000 && found.made(3) == 2_000)
    for id in found.keyIDs { #expect(try derived(found, id) == derived(keyring, id)) }
  }

  @Test("wrapped anew, the same data keys open with the new key and with no other")
  func rewrap() throws {
    let disk = SimulatedDisk(seed: 1)
    let keyring = try rotated(Fixed.keyring())
    let rewrapped = try keyring.rewrapped(
      keyEncryptionKey: otherKey.span, random: Fixed.seeded(5))
    #expect(rewrapped.wrappingKeyID != keyring.wrappingKeyID)
    try rewrapped.save(on: disk)
    #expect(throws: KeyringError.wrongKey) {
      try Keyring.read(disk, keyEncryptionKey: key.span)
    }
    let found = try #require(try Keyring.read(disk, keyEncryptionKey: otherKey.span))
    #expect(found.currentKeyID == 2 && found.made(2) == 1_000)
    for id in found.keyIDs { #expect(try derived(found, id) == derived(keyring, id)) }
    #expect(throws: KeyringError.keyTooShort) {
      try keyring.rewrapped(keyEncryptionKey: Array(otherKey.prefix(15)).span)
    }
  }

  @Test("only a key that nothing refers to is left out, and never the current one")
  func withoutUnused() throws {
    let keyring = try rotated(rotated(Fixed.keyring()), at: 2_000)
    var use = KeyUse()
    #expect(keyring.withoutUnused(use)?.keyIDs == [3])
    var header = ByteBuffer()
    for keyID: UInt32 in [1, 2] {
      header.clear()
      header.append([1, 0, 0, 0])
      header.appendUInt32(keyID)
      let isBlock = use.countBlock(header.span)
      #expect(isBlock)
      let expected: [UInt32]? = keyID == 1 ? [1, 3] : nil
      #expect(keyring.withoutUnused(use)?.keyIDs == expected)
    }
    #expect(use[1].blocks == 1 && use[2].blocks == 1 && use[3].blocks == 0)
  }

  @Test("the number of a key that is gone is not given out again")
  func numbers() throws {
    var keyring = Fixed.keyring()
    for id: UInt32 in 2...5 {
      keyring = try #require(try rotated(keyring).withoutUnused(KeyUse()))
      #expect(keyring.keyIDs == [id])
    }
  }

  @Test("there are at most so many keys")
  func tooMany() throws {
    var keyring = Fixed.keyring()
    for _ in 1..<Keyring.keysMax { keyring = try rotated(keyring) }
    #expect(throws: KeyringError.tooManyKeys) { try rotated(keyring) }
    #expect("\(KeyringError.tooManyKeys)".contains("64"))
  }

  @Test("two keys with one number are refused")
  func sameNumber() throws {
    let disk = SimulatedDisk(seed: 1)
    let keyring = Fixed.keyring()
    try Keyring(keys: keyring.keys + keyring.keys, currentKeyID: 1).save(on: disk)
    #expect(throws: KeyringError.damaged) {
      try Keyring.read(disk, keyEncryptionKey: key.span)
    }
  }
}
