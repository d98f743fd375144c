import Glibc
import Platform
import Testing

@Suite("SystemError")
struct SystemErrorTests {
  @Test("says the call and what the system says about the code")
  func description() {
    #expect(
      SystemError(call: "bind", code: EADDRINUSE).description == "bind: Address already in use")
    #expect(SystemError(call: "x", code: 99999).description == "x: Unknown error 99999")
  }

  @Test("is equal by call and code")
  func equality() {
    #expect(SystemError(call: "bind", code: 1) == SystemError(call: "bind", code: 1))
    #expect(SystemError(call: "bind", code: 1) != SystemError(call: "bind", code: 2))
    #expect(SystemError(call: "bind", code: 1) != SystemError(call: "open", code: 1))
  }
}
