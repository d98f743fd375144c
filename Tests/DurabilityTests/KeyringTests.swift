import Bytes
import Crypto
import Simulation
import Testing

@testable import Durability

@Suite("Keyring")
struct KeyringTests {
  private let salt = [UInt8](repeating: 1, count: 32)

  private func open(
    _ disk: SimulatedDisk, key: [UInt8] = Fixed.keyEncryptionKey
  ) throws -> Keyring {
    try Keyring.open(disk, keyEncryptionKey: key.span, random: Fixed.counting(from: 100))
  }

  @Test("a new keyring has these bytes")
  func golden() throws {
    let disk = SimulatedDisk(seed: 1)
    _ = try open(disk)
    let wrapSalt = hex(Array(132..<164))
    #expect(
      String(decoding: try #require(disk.content(of: "keyring.json")), as: UTF8.self) == """
        {"format":1,"current":1,"keys":[
        {"id":1,"wrapped":[{"by":"08d3c799fa96c364","salt":"\(wrapSalt)",\
        "sealed":"a7e71363abdb18df5131152f12eff8961b14642300d5f093cd39ec764ec4c66c\
        de5dcd3606098927508b3909fa937053"}]}
        ]}

        """)
  }

  @Test("the same key opens it again, and derives the same keys")
  func reopen() throws {
    let disk = SimulatedDisk(seed: 1)
    let first = try open(disk)
    let second = try open(disk.afterCrash())
    #expect(second.currentKeyID == 1)
    #expect(
      try first.deriveKey(id: 1, salt: salt.span, label: "wal")
        == second.deriveKey(id: 1, salt: salt.span, label: "wal"))
  }

  @Test("label and salt each make another key")
  func separation() throws {
    let keyring = Fixed.keyring()
    let key = try keyring.deriveKey(id: 1, salt: salt.span, label: "wal")
    #expect(key.count == 32)
    #expect(try key != keyring.deriveKey(id: 1, salt: salt.span, label: "snapshot"))
    #expect(try key != keyring.deriveKey(id: 1, salt: Array(salt.dropLast()).span, label: "wal"))
    #expect(throws: KeyringError.unknownKey(2)) {
      try keyring.deriveKey(id: 2, salt: salt.span, label: "wal")
    }
  }

  @Test("another key is refused, in words that say what to do")
  func wrongKey() throws {
    let disk = SimulatedDisk(seed: 1)
    _ = try open(disk)
    #expect(throws: KeyringError.wrongKey) {
      try open(disk, key: [UInt8](repeating: 3, count: 32))
    }
    #expect("\(KeyringError.wrongKey)".contains("another encryption key"))
    #expect("\(KeyringError.wrongKey)".contains("DYNA_ENCRYPTION_KEY_FILE"))
  }

  @Test("data without a keyring is refused", arguments: ["storage.db", "wal-0000000000000001.log"])
  func missing(name: String) throws {
    let disk = SimulatedDisk(seed: 1)
    _ = try disk.create(name)
    #expect(throws: KeyringError.missing) { try open(disk) }
    #expect(try disk.names() == [name])
  }

  @Test("other files are no data")
  func otherFiles() throws {
    let disk = SimulatedDisk(seed: 1)
    _ = try disk.create("node.json")
    _ = try disk.create("lock")
    _ = try open(disk)
  }

  @Test("a keyring with any byte changed is refused or holds the same key")
  func damaged() throws {
    let disk = SimulatedDisk(seed: 1)
    let key = try open(disk).deriveKey(id: 1, salt: salt.span, label: "wal")
    let text = try #require(disk.content(of: "keyring.json"))
    for offset in text.indices {
      let copy = disk.afterKill()
      LogImage.flip(copy, "keyring.json", at: offset)
      do {
        let found = try open(copy).deriveKey(id: 1, salt: salt.span, label: "wal")
        #expect(found == key)
      } catch KeyringError.damaged, KeyringError.wrongKey, KeyringError.unknownKey {}
    }
  }

  @Test("a key of less than 16 bytes is refused")
  func shortKey() throws {
    #expect(throws: KeyringError.keyTooShort) {
      try open(SimulatedDisk(seed: 1), key: [UInt8](repeating: 1, count: 15))
    }
    _ = try open(SimulatedDisk(seed: 1), key: [UInt8](repeating: 1, count: 16))
  }

  @Test("a change keeps the keyring before it")
  func previous() throws {
    let disk = SimulatedDisk(seed: 1)
    let keyring = try open(disk)
    #expect(disk.content(of: "keyring.json.previous") == nil)
    let before = disk.content(of: "keyring.json")
    let more = Keyring(keys: keyring.keys + [Self.second], currentKeyID: 2)
    try more.save(on: disk)
    #expect(disk.content(of: "keyring.json.previous") == before)
    let read = try open(disk.afterCrash())
    #expect(read.currentKeyID == 2)
    #expect(read.keys.count == 2)
  }

  private static var second: Keyring.DataKey {
    let key = Secret(copying: [UInt8](repeating: 9, count: 32).span)
    let wrapping = Fixed.keyEncryptionKey
    return Keyring.DataKey(
      wrapped: .wrap(
        key.span, keyID: 2, keyEncryptionKey: wrapping.span, random: Fixed.counting()),
      secret: key, made: nil)
  }

  @Test("wrapping twice never uses a salt twice")
  func freshSalts() {
    let random = Fixed.counting()
    let key = [UInt8](repeating: 9, count: 32)
    let wraps = (0..<3).map { _ in
      WrappedKey.wrap(key.span, keyID: 1, keyEncryptionKey: key.span, random: random)
    }
    #expect(Set(wraps.map { $0.salt }).count == 3)
    #expect(Set(wraps.map { $0.sealed }).count == 3)
  }

  @Test(
    "a crash while the keyring is made or changed leaves the old one or the new",
    arguments: 0..<UInt64(20))
  func crash(seed: UInt64) throws {
    for step in 1... {
      let disk = SimulatedDisk(seed: seed)
      disk.crash(at: step)
      var wasMade = false
      do {
        let keyring = try open(disk)
        wasMade = true
        try Keyring(keys: keyring.keys + [Self.second], currentKeyID: 2).save(on: disk)
        #expect(step > 5)
        break
      } catch {}
      let after = disk.afterCrash()
      if wasMade { #expect(try after.names().contains("keyring.json")) }
      let keyring = try open(after)
      #expect([1, 2].contains(keyring.currentKeyID))
    }
  }
}

@Suite("Node identity")
struct NodeIdentityTests {
  @Test("node.json has these bytes")
  func golden() throws {
    let disk = SimulatedDisk(seed: 1)
    let identity = try NodeIdentity.open(disk, random: Fixed.counting(from: 1))
    #expect(
      String(decoding: try #require(disk.content(of: "node.json")), as: UTF8.self)
        == #"{"format":1,"cluster":"0102030405060708","node":"090a0b0c0d0e0f10","boot":1}"# + "\n")
    #expect(identity.cluster == 0x0102_0304_0506_0708)
    #expect(identity.node == 0x090a_0b0c_0d0e_0f10)
    #expect(identity.boot == 1)
  }

  @Test("each start counts, durably, and the rest stays")
  func boots() throws {
    var disk = SimulatedDisk(seed: 1)
    let first = try NodeIdentity.open(disk)
    for boot in 2...5 {
      disk = disk.afterCrash()
      let next = try NodeIdentity.open(disk)
      #expect(next.boot == UInt32(boot))
      #expect(next.node == first.node)
      #expect(next.cluster == first.cluster)
    }
  }

  @Test("no boot is given out twice, whenever a crash comes", arguments: 0..<UInt64(30))
  func crash(seed: UInt64) throws {
    var disk = SimulatedDisk(seed: seed)
    var random = SeededRandom(seed: seed)
    var seen: [NodeIdentity] = []
    for _ in 0..<12 {
      disk.crash(at: 1 + Int(random.next(below: 8)))
      if let identity = try? NodeIdentity.open(disk) {
        #expect(!seen.contains(identity))
        if let last = seen.last { #expect(identity.boot > last.boot) }
        seen.append(identity)
      }
      disk = disk.afterCrash()
    }
  }

  @Test(
    "a file that no node writes is refused",
    arguments: [
      "", "{}", #"{"format":2,"cluster":"0102030405060708","node":"090a0b0c0d0e0f10","boot":1}"#,
      #"{"format":1,"cluster":"01","node":"090a0b0c0d0e0f10","boot":1}"#,
      #"{"format":1,"cluster":"0102030405060708","node":"0000000000000000","boot":1}"#,
      #"{"format":1,"cluster":"0102030405060708","node":"090a0b0c0d0e0f10","boot":4294967296}"#,
    ])
  func damaged(text: String) throws {
    let disk = SimulatedDisk(seed: 1)
    try AtomicFile.replace(disk, "node.json", Array(text.utf8).span)
    #expect(throws: NodeIdentityError.damaged) { try NodeIdentity.open(disk) }
    #expect(disk.content(of: "node.json") == Array(text.utf8))
  }
}
