// How a connection goes forward: read, answer, hold, write, and again.

import Bytes
import HTTP
import Platform

extension DataLoop {
  /// Takes a connection as far as it can go without waiting, in a bounded number of steps.
  mutating func drive(_ slot: Int) {
    for _ in 0..<4 {
      guard connections.contains(slot), step(slot) else { return }
    }
    guard connections.contains(slot) else { return }
    runnable.append(token(slot))
  }

  /// One step; false where the connection must wait for something.
  private mutating func step(_ slot: Int) -> Bool {
    switch connections[slot].phase {
    case .handshaking:
      return shakeHands(slot)
    case .held:
      return false
    case .waiting:
      // The answers before the login may go.
      _ = flush(slot)
      return false
    case .lingering:
      return discard(slot)
    case .streaming:
      return pump(slot)
    case .listing:
      guard flush(slot) else { return false }
      return continueListing(slot)
    case .open:
      guard flush(slot) else { return false }
      if connections[slot].hasRequest { return useInput(slot) }
      if connections[slot].mayRead { return read(slot) }
      if connections[slot].isFinished { close(slot) }
      return false
    }
  }

  // MARK: Reading

  /// Reads once, and answers every request that is then complete.
  private mutating func read(_ slot: Int) -> Bool {
    // The buffer leaves the loop's state for the call, so that its bytes can be lent out while
    // endpoints change the rest.
    var buffer = ByteBuffer()
    let continues = !connections[slot].input.isEmpty
    if continues { swap(&buffer, &connections[slot].input) } else { swap(&buffer, &scratch) }
    let room = continues ? 16 << 10 : Self.readBytes
    let result = connections[slot].read(into: &buffer, minimum: room)
    let goesOn = use(result, of: slot, &buffer, continues: continues)
    if !continues {
      buffer.clear()
      swap(&buffer, &scratch)
    }
    return goesOn
  }

  /// Answers what a read brought.
  ///
  /// - Parameter continues: whether the buffer is the connection's own, with bytes of earlier reads.
  mutating func use(
    _ result: ReadResult, of slot: Int, _ buffer: inout ByteBuffer, continues: Bool
  ) -> Bool {
    switch result {
    case .bytes:
      let used = answer(slot, buffer.span)
      if connections.contains(slot) {
        settleInput(slot, &buffer, used: used, isScratch: !continues)
      }
    case .wouldBlock:
      settleInput(slot, &buffer, used: 0, isScratch: !continues)
    case .closed:
      connections[slot].isFinished = true
      settleInput(slot, &buffer, used: 0, isScratch: !continues)
    case .failed:
      breakOff(slot)
    }
    return finishTurn(slot)
  }

  /// Answers requests that came with earlier ones and had to wait for those.
  private mutating func useInput(_ slot: Int) -> Bool {
    var buffer = ByteBuffer()
    swap(&buffer, &connections[slot].input)
    let used = answer(slot, buffer.span)
    if connections.contains(slot) { settleInput(slot, &buffer, used: used, isScratch: false) }
    return finishTurn(slot)
  }

  /// Keeps what was not used: in the connection's own buffer, which owns no memory when empty.
  private mutating func settleInput(
    _ slot: Int, _ buffer: inout ByteBuffer, used: Int, isScratch: Bool
  ) {
    if readsSecret {
      readsSecret = false
      buffer.erase(used)
    } else {
      buffer.consume(used)
    }
    if isScratch {
      if !buffer.isEmpty { connections[slot].input.append(buffer.span) }
      return
    }
    if buffer.isEmpty { buffer.release() }
    swap(&buffer, &connections[slot].input)
  }

  /// Throws away what a refused client still sends, so that it can read the refusal.
  private mutating func discard(_ slot: Int) -> Bool {
    guard connections[slot].mayRead else { return false }
    scratch.clear()
    switch Socket.read(connections[slot].descriptor, into: &scratch, minimum: DataLoop.readBytes) {
    case .bytes: break
    case .wouldBlock: connections[slot].mayRead = false
    case .closed, .failed: close(slot)
    }
    scratch.clear()
    return connections.contains(slot) && connections[slot].mayRead
  }

  // MARK: Answering

  /// Answers the requests at the front of `bytes`, in order; stops where one is incomplete or the
  /// connection must wait.
  ///
  /// - Returns: how many bytes are done with.
  private mutating func answer(_ slot: Int, _ bytes: Span<UInt8>) -> Int {
    var used = 0
    connections[slot].hasRequest = false
    while used < bytes.count {
      guard mayAnswer(slot) else {
        connections[slot].hasRequest = true
        break
      }
      let rest = bytes.extracting(used..<bytes.count)
      if connections[slot].body != nil {
        used += continueBody(slot, rest)
        guard connections.contains(slot) else { return used }
        continue
      }
      var request = Request()
      switch connections[slot].parser.parse(rest, limits: httpLimits, into: &request) {
      case .incomplete:
        waitForHead(slot)
        return used
      case .refused(let refusal):
        refuseInTurn(slot, refusal)
        return bytes.count
      case .complete:
        if deadlines.kind(of: slot) == .head { deadlines.clear(slot) }
        // The next request's record is on its way while this one is answered.
        let next = rest.extracting(request.headBytes..<rest.count)
        let hash = RequestGlance.hash(next, seed: database.seed)
        if let hash { database.prefetchSlot(hash) }
        used += begin(slot, request, rest)
        if let hash { database.prefetchRecord(hash) }
      }
      if !connections.contains(slot) { return used }
    }
    if connections[slot].closesAfterOutput { return bytes.count }
    return used
  }

  private func mayAnswer(_ slot: Int) -> Bool {
    connections[slot].phase == .open && !connections[slot].closesAfterOutput
      && output.count < (owesTooMuch ? Limits.shortAnswerBytes : Limits.outputBytesMax)
  }

  /// A head is complete: dispatches the request if its body is too, else begins to collect the body.
  ///
  /// - Returns: how many bytes of `bytes` are done with.
  private mutating func begin(_ slot: Int, _ request: Request, _ bytes: Span<UInt8>) -> Int {
    let head = bytes.extracting(0..<request.headBytes)
    if !request.isChunked {
      let length = request.contentLength ?? 0
      if length > limits.bodyBytesMax, length > bodyBytesMax(call: request, head) {
        refuseInTurn(slot, bodyTooLong)
        return bytes.count
      }
      let end = request.headBytes + length
      if end <= bytes.count {
        dispatch(slot, request, head: head, body: bytes.extracting(request.headBytes..<end))
        return end
      }
    }
    guard bodyBytesInFlight < limits.bodiesInFlightBytesMax else {
      refuseInTurn(slot, tooManyBodies)
      return bytes.count
    }
    if request.expectContinue, bytes.count == request.headBytes {
      ResponseWriter.appendContinue(to: &output)
    }
    connections[slot].body = BodyInProgress(request: request, head: [UInt8](copying: head))
    deadlines.set(.body, slot, due: now.advanced(bySeconds: limits.bodySeconds))
    return request.headBytes
  }

  /// Feeds a body that comes in pieces; dispatches its request when it is whole.
  private mutating func continueBody(_ slot: Int, _ bytes: Span<UInt8>) -> Int {
    guard let body = connections[slot].body else { return 0 }
    // Asked for each piece: when the bodies began they had no bytes.
    guard bodyBytesInFlight < limits.bodiesInFlightBytesMax else {
      dropBody(slot)
      refuseInTurn(slot, tooManyBodies)
      return bytes.count
    }
    let before = body.bytes.count
    let (used, outcome) = body.decoder.decode(
      bytes, into: &body.bytes, bodyBytesMax: max(limits.bodyBytesMax, body.contentLength))
    bodyBytesInFlight += body.bytes.count - before
    switch outcome {
    case .needsMore:
      if body.bytes.count - body.countAtDeadline >= Limits.bodyProgressBytes {
        body.countAtDeadline = body.bytes.count
        deadlines.set(.body, slot, due: now.advanced(bySeconds: limits.bodySeconds))
      }
    case .refused(let refusal):
      dropBody(slot)
      refuseInTurn(slot, refusal)
      return bytes.count
    case .finished:
      dropBody(slot)
      let head = body.head
      dispatch(slot, body.request, head: head.span, body: body.bytes.span)
      if readsSecret { body.bytes.erase() }
    }
    return used
  }

  /// What other nodes send has a limit of its own: that of clients may be set lower.
  private func bodyBytesMax(call request: Request, _ head: Span<UInt8>) -> Int {
    let path = head.extracting(request.path.range)
    let prefix: StaticString = "/internal/v1/"
    guard node.cluster != nil, path.count > prefix.utf8CodeUnitCount,
      path.extracting(0..<prefix.utf8CodeUnitCount).equals(prefix)
    else { return limits.bodyBytesMax }
    return Limits.internalBodyBytesMax
  }

  private mutating func dropBody(_ slot: Int) {
    bodyBytesInFlight -= connections[slot].body?.bytes.count ?? 0
    connections[slot].body = nil
    deadlines.clear(slot)
  }

  private mutating func waitForHead(_ slot: Int) {
    guard deadlines.kind(of: slot) != .head else { return }
    deadlines.set(.head, slot, due: now.advanced(bySeconds: limits.headSeconds))
  }

  // MARK: Writing

  /// Ends a connection's turn: sends what was answered, or parks it until it may be told.
  ///
  /// - Returns: whether the connection can go on at once.
  mutating func finishTurn(_ slot: Int) -> Bool {
    let position = outputWaitsFor
    let requests = outputRequests
    outputWaitsFor = 0
    outputRequests = 0
    // As with what is read: the buffer leaves the loop's state while its bytes are lent out.
    var answers = ByteBuffer()
    swap(&answers, &output)
    defer {
      answers.clear()
      swap(&answers, &output)
    }
    guard connections.contains(slot) else { return false }
    if position > database.log.committed || !outputAcks.isEmpty {
      keepAcknowledgementWaits(slot)
      connections[slot].output.append(answers.span)
      countOwed(slot)
      connections[slot].heldFor = position
      connections[slot].heldSince = now
      connections[slot].heldRequests = requests
      connections[slot].phase = .held
      deadlines.clear(slot)
      commits.park(token(slot), until: position)
      return false
    }
    answersOfTurn += UInt64(requests)
    guard answers.isEmpty || send(answers.span, to: slot) else { return false }
    countOwed(slot)
    restIdle(slot)
    return true
  }

  /// Sends bytes behind those that the connection is still owed; false where it is gone.
  private mutating func send(_ bytes: Span<UInt8>, to slot: Int) -> Bool {
    guard connections[slot].output.isEmpty else {
      connections[slot].output.append(bytes)
      return true
    }
    switch connections[slot].write(bytes) {
    case .bytes(let count):
      if count < bytes.count {
        connections[slot].output.append(bytes.extracting(count..<bytes.count))
      }
    case .wouldBlock: connections[slot].output.append(bytes)
    case .failed:
      close(slot)
      return false
    }
    return true
  }

  /// The position is committed: the answers may go.
  mutating func release(_ slot: Int) {
    if connections[slot].heldFor > database.log.committed {
      // An answer that came in the meantime waits for a later position.
      return commits.park(token(slot), until: connections[slot].heldFor)
    }
    guard connections[slot].acks.isEmpty || settleAcknowledgements(slot) else {
      awaitingPeers.append(token(slot))
      return
    }
    countAnswers(connections[slot].heldRequests, since: connections[slot].heldSince)
    connections[slot].heldRequests = 0
    connections[slot].heldFor = 0
    connections[slot].phase =
      connections[slot].awaitsThread
      ? .waiting
      : connections[slot].stream != nil
        ? .streaming : connections[slot].listing != nil ? .listing : .open
    renewDeadline(slot)
    drive(slot)
  }

  /// Who is held waits for us, without a deadline: from here on the one that was interrupted runs.
  private mutating func renewDeadline(_ slot: Int) {
    switch connections[slot].phase {
    case .streaming:
      deadlines.set(.heartbeat, slot, due: now.advanced(bySeconds: Limits.streamHeartbeatSeconds))
    case .open where connections[slot].body != nil:
      deadlines.set(.body, slot, due: now.advanced(bySeconds: limits.bodySeconds))
    case .open where connections[slot].parser.isInsideMessage: waitForHead(slot)
    case .open, .listing, .held, .waiting, .lingering, .handshaking: restIdle(slot)
    }
  }

  /// Sends what the connection is owed; false where it must wait or is gone.
  mutating func flush(_ slot: Int) -> Bool {
    while !connections[slot].output.isEmpty {
      // As with what is read: the buffer leaves the connection while its bytes are lent out.
      var owed = ByteBuffer()
      swap(&owed, &connections[slot].output)
      let result = connections[slot].write(owed.span)
      if case .bytes(let count) = result { owed.consume(count) }
      swap(&owed, &connections[slot].output)
      switch result {
      case .bytes:
        connections[slot].stream?.noteProgress()
        restIdle(slot)
      case .wouldBlock:
        countOwed(slot)
        return false
      case .failed:
        close(slot)
        return false
      }
    }
    connections[slot].output.release()
    countOwed(slot)
    if connections[slot].session != nil, !flushSealed(slot) { return false }
    if connections[slot].closesAfterOutput {
      closeInOrder(slot)
      return false
    }
    return true
  }

  /// Keeps the sum of what clients are owed: to be called where a connection's output has changed.
  private mutating func countOwed(_ slot: Int) {
    let difference = connections[slot].output.count - connections[slot].bytesCounted
    guard difference != 0 else { return }
    connections[slot].bytesCounted += difference
    bytesOwed += difference
  }

  /// Clients that ask for long values and read nothing must not fill the memory.
  var owesTooMuch: Bool { bytesOwed >= limits.answersOwedBytesMax }

  /// Closes so that the client can read the last answer, whatever it still has under way.
  private mutating func closeInOrder(_ slot: Int) {
    guard connections[slot].lingersAfterOutput, !connections[slot].isFinished else {
      return close(slot)
    }
    linger(slot)
  }

  /// Sends no more, and throws away what comes until the client closes, for a while.
  mutating func linger(_ slot: Int) {
    Socket.shutdownWrite(connections[slot].descriptor)
    connections[slot].phase = .lingering
    connections[slot].mayRead = true
    connections[slot].input.release()
    deadlines.clear(slot)
    deadlines.set(.linger, slot, due: now.advanced(bySeconds: Limits.lingerSeconds))
    runnable.append(token(slot))
  }

  /// Between requests, or while a client takes its time to read, the idle deadline runs.
  private mutating func restIdle(_ slot: Int) {
    switch connections[slot].phase {
    case .open where connections[slot].body == nil && deadlines.kind(of: slot) != .head,
      .listing:
      deadlines.set(.idle, slot, due: now.advanced(bySeconds: limits.idleSeconds))
    case .open, .held, .waiting, .streaming, .lingering, .handshaking: break
    }
  }

  /// Counts what was answered at once, with one look at the clock a turn: the first answer of a turn
  /// left after one share of it, the last at its end.
  mutating func countAnswersOfTurn() {
    guard answersOfTurn > 0 else { return }
    let elapsed = SystemClock.monotonic().nanoseconds &- now.nanoseconds
    metrics.count(
      requests: answersOfTurn, nanoseconds: elapsed * (answersOfTurn + 1) / (2 * answersOfTurn))
    answersOfTurn = 0
  }

  private func countAnswers(_ count: UInt32, since start: Instant) {
    let elapsed = SystemClock.monotonic().nanoseconds &- start.nanoseconds
    metrics.count(requests: UInt64(count), nanoseconds: elapsed)
  }
}
