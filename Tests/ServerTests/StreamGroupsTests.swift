import Bytes
import Store
import Testing

@testable import Server

@Suite("Stream groups")
struct StreamGroupsTests {
  private func place(_ table: UInt32, _ hash: UInt64) -> Place {
    Place(table: TableID(rawValue: table), hash: hash)
  }

  private func find(_ groups: StreamGroups, _ place: Place, _ key: String) -> [Int32]? {
    groups.find(place.hash, place.table, utf8(key).span)?.slots
  }

  @Test("a key that nobody watches has no group")
  func empty() {
    let groups = StreamGroups()
    #expect(groups.count == 0)
    #expect(find(groups, place(1, 1), "k") == nil)
  }

  @Test("streams of one key share a group, by table and key, whatever their hashes")
  func grouping() {
    var groups = StreamGroups()
    _ = groups.add(place(1, 5), key: utf8("a").span, reader: nil, slot: 1)
    _ = groups.add(place(1, 5), key: utf8("a").span, reader: nil, slot: 2)
    // Keys and tables that share a hash.
    _ = groups.add(place(1, 5), key: utf8("b").span, reader: nil, slot: 3)
    _ = groups.add(place(2, 5), key: utf8("a").span, reader: nil, slot: 4)
    _ = groups.add(place(1, 6), key: utf8("a").span, reader: nil, slot: 5)
    #expect(groups.count == 5)
    #expect(find(groups, place(1, 5), "a") == [1, 2])
    #expect(find(groups, place(1, 5), "b") == [3])
    #expect(find(groups, place(2, 5), "a") == [4])
    #expect(find(groups, place(1, 6), "a") == [5])
    #expect(find(groups, place(2, 5), "b") == nil)
  }

  @Test("the last of a group takes the place of one that leaves, and is named")
  func swap() {
    var groups = StreamGroups()
    let streams = (10..<13).map {
      groups.add(place(1, 5), key: utf8("a").span, reader: nil, slot: $0)
    }
    #expect(streams.map(\.position) == [0, 1, 2])
    #expect(groups.remove(streams[0]) == 12)
    #expect(find(groups, place(1, 5), "a") == [12, 11])
    streams[2].position = 0
    #expect(groups.remove(streams[1]) == nil)
    #expect(groups.remove(streams[2]) == nil)
    #expect(find(groups, place(1, 5), "a") == nil && groups.count == 0)
  }

  @Test("a reader's name stays with the stream")
  func reader() {
    var groups = StreamGroups()
    let reader = OwnerID(rawValue: 4)
    let stream = groups.add(place(1, 1), key: utf8("a").span, reader: reader, slot: 0)
    #expect(stream.reader == reader)
  }

  @Test("a frame finds the streams of its key")
  func frames() {
    var groups = StreamGroups()
    _ = groups.add(place(1, 5), key: utf8("a").span, reader: nil, slot: 7)
    func frame(_ hash: UInt64, _ table: UInt32, _ key: String) -> EventFrame {
      EventFrame(
        bytes: [], lsn: 1, hash: hash, table: TableID(rawValue: table), key: utf8(key),
        owner: OwnerID(rawValue: 0))
    }
    #expect(groups.find(frame(5, 1, "a"))?.slots == [7])
    #expect(groups.find(frame(5, 1, "b")) == nil)
    #expect(groups.find(frame(5, 2, "a")) == nil)
    #expect(groups.find(frame(6, 1, "a")) == nil)
  }

  @Test("positions hold through any coming and going", arguments: [1, 2, 3] as [UInt64])
  func model(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var groups = StreamGroups()
    var streams: [Int: (stream: Stream, key: String)] = [:]
    for _ in 0..<10_000 {
      let slot = Int(random.next(below: 60))
      if let (stream, _) = streams[slot] {
        streams[slot] = nil
        if let moved = groups.remove(stream) { streams[moved]!.stream.position = stream.position }
      } else {
        let key = "k\(random.next(below: 4))"
        let hash = random.next(below: 2)
        let place = place(UInt32(random.next(below: 2)), hash)
        streams[slot] = (groups.add(place, key: utf8(key).span, reader: nil, slot: slot), key)
      }
      if groups.count != streams.count { Issue.record("\(groups.count), not \(streams.count)") }
      for (slot, entry) in streams {
        let group = find(groups, entry.stream.place, entry.key)
        if group?[entry.stream.position] != Int32(slot) { Issue.record("slot \(slot) is lost") }
      }
    }
  }
}
