import Bytes
import Testing

@testable import Cluster

@Suite("Cluster: sealed packets")
struct PacketSealTests {
  private let alice = Incarnated(node: NodeID(0x0102), boot: 3)
  private let bob = Incarnated(node: NodeID(0x0304), boot: 1)
  private let secret = ClusterSecret(Array("a secret of sixteen".utf8))

  private func sealed(
    _ text: String = "hello", secret: ClusterSecret? = nil, cluster: UInt64 = 7,
    by sender: Incarnated? = nil, salt: UInt64 = 1, after skipped: Int = 0
  ) -> [UInt8] {
    var sealer = PacketSealer(
      secret: secret ?? self.secret, cluster: cluster, own: sender ?? alice, salt: salt)
    let bytes = Array(text.utf8)
    for _ in 0..<skipped {
      var thrown = ByteBuffer()
      sealer.seal(bytes.span, into: &thrown)
    }
    var datagram = ByteBuffer()
    sealer.seal(bytes.span, into: &datagram)
    return datagram.copied()
  }

  private func opener(_ secrets: [ClusterSecret]? = nil) -> PacketOpener {
    PacketOpener(secrets: secrets ?? [secret], cluster: 7, own: bob, salt: 99)
  }

  private func open(
    _ datagram: [UInt8], _ opener: inout PacketOpener
  ) -> (PacketOpening, String) {
    var bytes = ByteBuffer()
    let opening = opener.open(datagram.span, into: &bytes)
    return (opening, String(decoding: bytes.copied(), as: UTF8.self))
  }

  @Test("what one node seals another opens, and knows from whom it is")
  func roundTrip() {
    var opener = opener()
    let (opening, text) = open(sealed(), &opener)
    #expect(opening == .opened(from: alice) && text == "hello")
    #expect(sealed().count == 5 + PacketSealer.overheadBytes)
    #expect(!String(decoding: sealed(), as: UTF8.self).contains("hello"))
  }

  @Test("a sealed packet has these bytes")
  func golden() {
    // Computed by a second implementation of docs/formats/wire.md, in Python.
    #expect(
      hexadecimal(sealed())
        == "4c01\(hexadecimal([UInt8(truncatingIfNeeded: secret.id)]))" + "0201000000000000"
        + "03000000" + "0100000000000000" + "0100000000000000" + Self.goldenTail)
    #expect(secret.id == Self.goldenID)
  }

  private static let goldenTail = "cf65174b9279e4e88733e21b22d1b1c9a64cbe2452"
  private static let goldenID: UInt32 = 1_907_600_237

  @Test("the same packet is opened once")
  func replay() {
    var opener = opener()
    let datagram = sealed()
    #expect(open(datagram, &opener).0 == .opened(from: alice))
    let (again, text) = open(datagram, &opener)
    #expect(again == .replayed && text == "")
  }

  @Test("a changed bit anywhere, a missing byte or one too many is refused, and harms nothing")
  func changed() {
    var opener = opener()
    let datagram = sealed(after: 5)
    for bit in 0..<datagram.count * 8 {
      var changed = datagram
      changed[bit / 8] ^= 1 << (bit % 8)
      let (opening, text) = open(changed, &opener)
      #expect(opening == .unauthentic || opening == .malformed)
      #expect(text == "")
    }
    for count in 0..<datagram.count {
      #expect(open(Array(datagram.prefix(count)), &opener).1 == "")
    }
    #expect(open(datagram + [0], &opener).0 == .unauthentic)
    #expect(open([UInt8](repeating: 0x4c, count: 1_401), &opener).0 == .malformed)
    #expect(open(datagram, &opener).0 == .opened(from: alice))
  }

  @Test("another secret or another cluster is refused")
  func strangers() {
    var opener = opener()
    let other = ClusterSecret(Array("another secret, longer".utf8))
    #expect(open(sealed(secret: other), &opener).0 == .unauthentic)
    #expect(open(sealed(cluster: 8), &opener).0 == .unauthentic)
  }

  @Test("while secrets change, packets under any of them are opened")
  func rotation() {
    let fresh = ClusterSecret(Array("the fresh secret, long".utf8))
    var opener = opener([fresh, secret])
    #expect(open(sealed(), &opener).0 == .opened(from: alice))
    #expect(open(sealed(secret: fresh, salt: 2), &opener).0 == .opened(from: alice))
  }

  @Test("a node's own packets that come back are no news")
  func reflected() {
    var opener = PacketOpener(secrets: [secret], cluster: 7, own: alice, salt: 1)
    #expect(open(sealed(), &opener).0 == .replayed)
    #expect(open(sealed(salt: 2), &opener).0 == .opened(from: alice), "a double is no reflection")
  }

  @Test("packets of one process come in any order, each once", arguments: 1...5)
  func reordered(seed: Int) {
    var random = SeededRandom(seed: UInt64(seed))
    var sealer = PacketSealer(secret: secret, cluster: 7, own: alice, salt: 1)
    var datagrams: [[UInt8]] = []
    for _ in 0..<200 {
      var datagram = ByteBuffer()
      let bytes: [UInt8] = [1, 2, 3]
      sealer.seal(bytes.span, into: &datagram)
      datagrams.append(datagram.copied())
    }
    var opener = opener()
    for datagram in Membership.choose(200, of: datagrams, &random) {
      #expect(open(datagram, &opener).0 == .opened(from: alice))
    }
    for datagram in datagrams { #expect(open(datagram, &opener).0 == .replayed) }
  }

  @Test("boots of one node have keys of their own, and the oldest are forgotten")
  func boots() {
    var opener = opener()
    for boot in 1...9 {
      let sender = Incarnated(node: NodeID(5), boot: UInt32(boot))
      #expect(open(sealed(by: sender), &opener).0 == .opened(from: sender))
    }
    let last = Incarnated(node: NodeID(5), boot: 9)
    #expect(open(sealed(by: last), &opener).0 == .replayed)
  }

  @Test("a list of secrets is split at its commas, and has no empty one")
  func parse() {
    #expect(ClusterSecret.parse(Array("new,old".utf8))?.map(\.bytes.count) == [3, 3])
    #expect(ClusterSecret.parse(Array("one".utf8))?.count == 1)
    for text in ["", ",", "a,", ",a", "a,,b", "a,b,c,d,e"] {
      #expect(ClusterSecret.parse(Array(text.utf8)) == nil)
    }
    #expect(!ClusterSecret(Array("short".utf8)).isLong && secret.isLong)
  }
}

@Suite("Cluster: replay window")
struct ReplayWindowTests {
  @Test("each counter is taken once, in any order within the window", arguments: 1...10)
  func model(seed: Int) {
    var random = SeededRandom(seed: UInt64(seed))
    var window = ReplayWindow()
    var taken: Set<UInt64> = []
    var greatest: UInt64 = 0
    for _ in 0..<5_000 {
      let back = random.next(below: 1_500)
      let counter =
        greatest + random.next(below: 40) > back ? greatest + 20 - min(greatest, back) : 1
      let isTaken = window.take(counter)
      if taken.contains(counter) { #expect(!isTaken) }
      if counter > greatest || (greatest - counter < 900 && !taken.contains(counter)) {
        #expect(isTaken)
      }
      if isTaken { taken.insert(counter) }
      greatest = max(greatest, isTaken ? counter : 0)
    }
  }

  @Test("counters too old to tell, and 0, are refused")
  func tooOld() {
    var window = ReplayWindow()
    let results = [0, 5_000, 3_900, 4_500, 5_000, 4_500, .max, .max, 5_001].map { window.take($0) }
    #expect(results == [false, true, false, true, false, false, true, false, false])
  }
}
