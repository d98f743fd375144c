import Testing

@testable import Server

/// How many copies of a write there are, as far as the peers have told.
@Suite("Acknowledgement board")
struct AcknowledgementBoardTests {
  private func board(_ peers: [(alive: Bool, after: UInt64, through: UInt64)])
    -> AcknowledgementBoard
  {
    let board = AcknowledgementBoard()
    board.setPeers(peers.enumerated().map { (UInt64($0.offset + 1), $0.element.alive) })
    for (index, peer) in peers.enumerated() {
      board.acknowledge(by: UInt64(index + 1), after: peer.after, through: peer.through)
    }
    return board
  }

  @Test("a peer counts for the positions that it told of, not for those it was not sent")
  func copies() {
    let board = board([(true, 0, 10), (true, 7, 12)])
    #expect(board.read { $0.copies(of: 5) } == 2)
    #expect(board.read { $0.copies(of: 7) } == 2)
    #expect(board.read { $0.copies(of: 8) } == 3)
    #expect(board.read { $0.copies(of: 11) } == 2)
    #expect(board.read { $0.copies(of: 13) } == 1)
  }

  @Test("auto wants a majority of the living, quorum of all, all every one")
  func levels() {
    let down = board([(false, 0, 0), (false, 0, 0)])
    #expect(down.read { $0.isSatisfied(.auto, at: 1) })
    #expect(!down.read { $0.isSatisfied(.quorum, at: 1) })
    let half = board([(true, 0, 5), (true, 0, 0)])
    #expect(half.read { $0.isSatisfied(.auto, at: 1) })
    #expect(half.read { $0.isSatisfied(.quorum, at: 1) })
    #expect(!half.read { $0.isSatisfied(.all, at: 1) })
    #expect(!half.read { $0.isSatisfied(.everyLiving, at: 1) })
    let slow = board([(true, 0, 0), (true, 0, 0)])
    #expect(!slow.read { $0.isSatisfied(.auto, at: 1) })
    #expect(slow.read { $0.isSatisfied(.one, at: 1) })
    let two = board([(true, 0, 0)])
    #expect(!two.read { $0.isSatisfied(.auto, at: 1) })
    let oneDown = board([(true, 0, 5), (false, 0, 0)])
    #expect(oneDown.read { $0.isSatisfied(.everyLiving, at: 1) })
    #expect(!oneDown.read { $0.isSatisfied(.all, at: 1) })
  }

  @Test("a peer's progress outlives a change of the members; one that is gone is forgotten")
  func members() {
    let board = board([(true, 0, 5), (true, 0, 5)])
    board.setPeers([(2, false), (3, true)])
    #expect(board.read { $0.copies(of: 1) } == 2)
    #expect(board.read { $0.members } == 3)
  }

  @Test("the generation grows with each change")
  func generation() {
    let board = board([(true, 0, 0)])
    let before = board.generation
    board.supersede(9)
    #expect(board.generation > before)
    #expect(board.read { $0.superseded } == [9])
  }

  @Test(
    "the level is one of four words",
    arguments: ["", "One", "two", "quorums", "al", "every", "auto "])
  func unknownLevel(text: String) {
    let bytes = utf8(text) + [0]
    #expect(AcknowledgementLevel(bytes.span.extracting(0..<bytes.count - 1)) == nil)
  }
}
