// How an outgoing connection goes forward: connect, write, read, run out of time.

public import Bytes
import HTTP
public import Platform

extension HTTPClientConnection {
  /// Takes what the poller reports about the descriptor.
  public mutating func happened(_ events: PollEvents, now: Instant) {
    let ends: PollEvents = [.error, .hangup, .peerClosed]
    happened(
      readable: !events.isDisjoint(with: ends.union(.readable)),
      writable: !events.isDisjoint(with: [.writable, .error, .hangup]), now: now)
  }

  /// As `happened(_:now:)`; an error or an end of the connection is both.
  public mutating func happened(readable: Bool, writable: Bool, now: Instant) {
    switch state {
    case .closed: return
    case .connecting: if !open(now) { return }
    case .open: break
    }
    // What came may say that the server takes no further request.
    if readable || transport.isSecure { receive(now) }
    if writable || transport.isSecure { flush(now: now) }
  }

  /// Sends what is queued, as far as the kernel takes it.
  public mutating func flush(now: Instant) {
    guard state == .open, !output.isEmpty || transport.isSecure else { return }
    var bytes = ByteBuffer()
    swap(&bytes, &output)
    let failure = write(&bytes)
    swap(&bytes, &output)
    if output.isEmpty, output.capacity > HTTPClientLimits.keptBytesMax { output.release() }
    guard let failure else { return }
    // Who refuses a request may answer and close before it was read to its end: the answer comes
    // first, whatever became of the rest.
    receive(now)
    close(failure)
  }

  /// Gives up what should have happened by now.
  public mutating func expire(now: Instant) {
    if state == .connecting, openingDeadline <= now { return close(.timedOut(phase)) }
    guard let earliest = earliestDeadline, earliest <= now else { return }
    if let first = firstInLine, first.begin < written, first.deadline <= now {
      return close(.timedOut(.responding))
    }
    var index = 0
    earliestDeadline = nil
    while index < requests.count {
      if requests[index].deadline <= now, !requests[index].isAbandoned {
        outcomes.append(
          .failed(
            tag: requests[index].tag, .timedOut(.responding),
            mayHaveArrived: requests[index].begin < written))
        if requests[index].begin >= written {
          withdraw(index)
          continue
        }
        requests[index].isAbandoned = true
      }
      if index == 0 || !requests[index].isAbandoned {
        let deadline = requests[index].deadline
        earliestDeadline = min(deadline, earliestDeadline ?? deadline)
      }
      index += 1
    }
  }

  private var firstInLine: RequestInFlight? { requests.isEmpty ? nil : requests[0] }

  /// Takes back a request of which nothing was sent.
  private mutating func withdraw(_ index: Int) {
    let request = requests.remove(at: index)
    let length = request.end - request.begin
    var rest = ByteBuffer(capacity: output.count - Int(length))
    rest.append(output.span.extracting(0..<Int(request.begin - written)))
    rest.append(output.span.extracting(Int(request.end - written)..<output.count))
    swap(&rest, &output)
    for later in index..<requests.count {
      requests[later].begin -= length
      requests[later].end -= length
    }
  }

  // MARK: Opening

  /// Goes on with connecting and the handshake; true where the connection is open.
  private mutating func open(_ now: Instant) -> Bool {
    if phase == .connecting {
      switch Socket.connectResult(transport.raw) {
      case .inProgress: return false
      case .failed(let error):
        close(.unreachable(error))
        return false
      case .connected:
        phase = .handshaking
        openingDeadline = now.advanced(byMilliseconds: limits.handshakeMilliseconds)
      }
    }
    switch transport.handshake() {
    case .waits: return false
    case .closed, .truncated:
      close(.closedByPeer)
      return false
    case .failed(let failure):
      close(failure)
      return false
    case .bytes: break
    }
    state = .open
    phase = .responding
    flush(now: now)
    return state == .open
  }

  // MARK: Sending

  /// Returns why no more can be sent, nil where it can, now or later.
  private mutating func write(_ bytes: inout ByteBuffer) -> HTTPClientFailure? {
    repeat {
      switch transport.write(bytes.span) {
      case .bytes(let count):
        bytes.consume(count)
        written += UInt64(count)
      case .failed(let failure): return failure
      case .waits, .closed, .truncated: return nil
      }
    } while !bytes.isEmpty
    return nil
  }

  // MARK: Receiving

  private mutating func receive(_ now: Instant) {
    while state == .open {
      switch transport.read(into: &input) {
      case .bytes: takeInput(now)
      case .waits: return trimInput()
      case .closed: end()
      // Where the body would last until here, nobody can say whether this is its end.
      case .truncated: close(.closedByPeer)
      case .failed(let failure): close(failure)
      }
    }
  }

  private mutating func takeInput(_ now: Instant) {
    // The buffer leaves the connection for the call, so that its bytes can be lent out.
    var bytes = ByteBuffer()
    swap(&bytes, &input)
    let used = takeAnswers(bytes.span, now)
    guard !isClosed else { return }
    bytes.consume(used)
    swap(&bytes, &input)
  }

  /// An idle connection holds no memory.
  private mutating func trimInput() {
    guard input.isEmpty else { return }
    if requests.isEmpty || input.capacity > HTTPClientLimits.keptBytesMax { input.release() }
  }

  /// Takes the responses at the front of the bytes. Returns how many bytes are done with.
  private mutating func takeAnswers(_ bytes: Span<UInt8>, _ now: Instant) -> Int {
    var used = 0
    while used < bytes.count, state == .open {
      // A response to what was not sent is no response.
      guard let request = firstInLine, request.begin < written else {
        close(.unasked)
        break
      }
      let (count, step) = reader.read(
        bytes.extracting(used..<bytes.count), to: request.method)
      used += count
      switch step {
      case .needsMore: return used
      case .refused(let refusal): close(.malformed(refusal))
      case .answer(let answer): deliver(answer, now)
      }
    }
    return used
  }

  private mutating func deliver(_ answer: HTTPAnswer, _ now: Instant) {
    guard let request = requests.pop() else { return }
    if !request.isAbandoned { outcomes.append(.response(tag: request.tag, answer)) }
    guard answer.response.keepAlive else { return close(.closedByPeer) }
    if requests.isEmpty {
      earliestDeadline = nil
    } else if requests[0].isAbandoned {
      let deadline = now.advanced(byMilliseconds: limits.lateMilliseconds)
      requests[0].deadline = deadline
      earliestDeadline = min(deadline, earliestDeadline ?? deadline)
    }
  }

  /// The server has sent its last byte.
  private mutating func end() {
    if let request = firstInLine, !request.isAbandoned, let answer = reader.readEnd() {
      _ = requests.pop()
      outcomes.append(.response(tag: request.tag, answer))
    }
    close(.closedByPeer)
  }
}
