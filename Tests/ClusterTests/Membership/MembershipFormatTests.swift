import Bytes
import Testing

@testable import Cluster

/// The layouts of docs/formats/wire.md, byte by byte.
@Suite("Cluster: membership on the wire")
struct MembershipFormatTests {
  private let sender = Incarnated(node: NodeID(0x1122_3344_5566_7788), boot: 3)

  private var own: MemberUpdate {
    MemberUpdate(
      node: sender.node, boot: 3, incarnation: 5, state: .alive,
      endpoint: Endpoint(host: Array("10.0.0.1".utf8), port: 6_660))
  }

  private var suspected: MemberUpdate {
    MemberUpdate(
      node: NodeID(9), boot: 1, incarnation: 2, state: .suspect, accuser: sender.node,
      endpoint: Endpoint(host: Array("b".utf8), port: 1))
  }

  private let ownBytes =
    "8877665544332211" + "03000000" + "0500000000000000" + "01" + "041a" + "08" + "31302e302e302e31"
  private let suspectedBytes =
    "0900000000000000" + "01000000" + "0200000000000000" + "02" + "8877665544332211" + "0100" + "01"
    + "62"

  private var packet: MembershipPacket {
    MembershipPacket(
      kind: .pingRequest, sequence: 7, target: NodeID(9), wallMilliseconds: 0x0102,
      updates: [own, suspected])
  }

  @Test("a packet has these bytes")
  func packetBytes() {
    #expect(
      hexadecimal(packet.encoded())
        == "01" + "02" + "07000000" + "0900000000000000" + "0201000000000000" + "02" + ownBytes
        + suspectedBytes)
    #expect(decodePacket(packet.encoded()) == packet)
  }

  @Test("a message has these bytes")
  func messageBytes() {
    let message = MembershipMessage(
      kind: .refused, reason: .notMember, wallMilliseconds: 0x0102, updates: [own, suspected])
    #expect(
      hexadecimal(message.encoded())
        == "01" + "01" + "84" + "04" + "0201000000000000" + "0200" + ownBytes + suspectedBytes)
    #expect(decodeMessage(message.encoded()) == message)
  }

  @Test("the saved list has these bytes")
  func savedBytes() {
    let list = SavedMembers(
      cluster: 0x0102, wasReady: true,
      entries: [
        SavedMembers.Entry(
          node: NodeID(9), boot: 4, isRemoved: true,
          endpoint: Endpoint(host: Array("b".utf8), port: 1))
      ])
    let bytes = list.encoded()
    #expect(
      hexadecimal(Array(bytes.dropLast(4)))
        == hexadecimal(Array("DYNAMEM1".utf8)) + "0201000000000000" + "01" + "0100"
        + "0900000000000000" + "04000000" + "01" + "0100" + "01" + "62")
    let checked = Array(bytes.dropLast(4))
    let checksum = CRC32C.checksum(checked.span)
    #expect(bytes.suffix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) } == checksum)
    #expect(decodeList(bytes) == list)
  }

  @Test("every packet that is cut short or has something behind it is refused")
  func truncatedPackets() {
    let bytes = packet.encoded()
    for count in 0..<bytes.count { #expect(decodePacket(Array(bytes.prefix(count))) == nil) }
    #expect(decodePacket(bytes + [0]) == nil)
  }

  @Test("every message that is cut short or has something behind it is refused")
  func truncatedMessages() {
    let bytes = MembershipMessage(kind: .exchange, updates: [own, suspected]).encoded()
    for count in 0..<bytes.count { #expect(decodeMessage(Array(bytes.prefix(count))) == nil) }
    #expect(decodeMessage(bytes + [0]) == nil)
  }

  @Test("a saved list with any bit changed, cut short or with something behind it is refused")
  func damagedLists() {
    let bytes = SavedMembers(
      cluster: 1, wasReady: false,
      entries: [
        SavedMembers.Entry(node: NodeID(9), boot: 4, isRemoved: false, endpoint: own.endpoint)
      ]
    ).encoded()
    for bit in 0..<bytes.count * 8 {
      var changed = bytes
      changed[bit / 8] ^= 1 << (bit % 8)
      #expect(decodeList(changed) == nil)
    }
    for count in 0..<bytes.count {
      let cut = Array(bytes.prefix(count))
      #expect(decodeList(cut) == nil)
    }
    let longer = bytes + [0]
    #expect(decodeList(longer) == nil)
  }

  @Test("what changed bits make of a packet is refused, or written back the same")
  func changedPackets() {
    let bytes = packet.encoded()
    for bit in 0..<bytes.count * 8 {
      var changed = bytes
      changed[bit / 8] ^= 1 << (bit % 8)
      if let decoded = decodePacket(changed) { #expect(decoded.encoded() == changed) }
    }
  }

  @Test("random bytes never are a packet or a message, and never trap", arguments: 1...20)
  func noise(seed: Int) {
    var random = SeededRandom(seed: UInt64(seed))
    for _ in 0..<500 {
      let count = Int(random.next(below: 120))
      var bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      if count > 3 { bytes.replaceSubrange(0..<3, with: [1, 1, 2]) }
      #expect(decodePacket(bytes) == nil)
      #expect(decodeMessage(bytes) == nil)
    }
  }

  @Test("counts and lengths beyond the bytes, absurd incarnations and empty hosts are refused")
  func absurd() {
    func changed(_ change: (inout MemberUpdate) -> Void) -> [UInt8] {
      var update = suspected
      change(&update)
      return MembershipPacket(
        kind: .gossip, sequence: 0, target: NodeID(0), wallMilliseconds: 0, updates: [own, update]
      ).encoded()
    }
    #expect(decodePacket(changed { _ in }) != nil)
    #expect(decodePacket(changed { $0.incarnation = .max }) == nil)
    #expect(decodePacket(changed { $0.endpoint = Endpoint(host: [], port: 1) }) == nil)
    #expect(decodePacket(changed { $0.endpoint = Endpoint(host: [65], port: 0) }) == nil)
    #expect(decodePacket(changed { $0.node = NodeID(0) }) == nil)
    var counted = packet.encoded()
    counted[22] = 255
    #expect(decodePacket(counted) == nil)
    var empty = Array(packet.encoded().prefix(23))
    empty[22] = 0
    #expect(decodePacket(empty) == nil)
    var message = MembershipMessage(kind: .exchange, updates: [own]).encoded()
    message[12] = 255
    message[13] = 255
    #expect(decodeMessage(message) == nil)
  }

  @Test("the first update must be about the sender")
  func firstIsOwn() {
    var other = packet
    other.updates.reverse()
    #expect(decodePacket(other.encoded()) == nil)
    other = packet
    other.updates[0].boot = 2
    #expect(decodePacket(other.encoded()) == nil)
  }

  @Test("with many members of long names no packet is longer than a datagram may be")
  func longNames() {
    let world = MembershipWorld(seed: 1)
    for index in 0..<12 {
      let host = Array(String(repeating: "abcdefghi.", count: 24).utf8) + Array("\(index)".utf8)
      world.start(index, seeds: index == 0 ? [] : [0], at: Endpoint(host: host, port: 6_660))
    }
    #expect(world.run(seconds: 60) { world.allAlive(0..<12) })
    world.run(seconds: 10)
    #expect(world.longestPacket <= MembershipLimits.packetBytes)
    #expect(world.longestPacket > 1_000)
  }

  @Test(
    "addresses are told apart",
    arguments: [
      ("127.0.0.1", EndpointKind.loopback), ("::1", .loopback), ("0:0:0:0:0:0:0:1", .loopback),
      ("::ffff:127.0.0.1", .loopback), ("LOCALHOST", .loopback), ("a.localhost", .loopback),
      ("0.0.0.0", .unusable), ("::", .unusable), ("::ffff:0.0.0.0", .unusable),
      ("FE80::1", .unusable), ("ff02::1", .unusable), ("169.254.9.9", .unusable),
      ("10.0.0.1", .address), ("2001:db8::1", .address), ("fd00::1", .address), ("::2", .address),
      ("256.0.0.1", .name), ("1.2.3", .name), ("node-1", .name), ("1.2.3.4.5", .name),
    ])
  func kinds(host: String, kind: EndpointKind) {
    #expect(Endpoint(host: Array(host.utf8), port: 1).kind == kind)
  }

  private func decodePacket(_ bytes: [UInt8]) -> MembershipPacket? {
    MembershipPacket.decode(bytes.span, from: sender)
  }

  private func decodeList(_ bytes: [UInt8]) -> SavedMembers? { SavedMembers.decode(bytes.span) }

  private func decodeMessage(_ bytes: [UInt8]) -> MembershipMessage? {
    MembershipMessage.decode(bytes.span, from: sender)
  }
}

func hexadecimal(_ bytes: [UInt8]) -> String {
  var buffer = ByteBuffer()
  Hex.append(bytes.span, to: &buffer)
  return String(decoding: buffer.copied(), as: UTF8.self)
}
