import COpenSSL

/// Keys made from other secrets.
public enum KeyDerivation {
  /// HKDF-SHA-256 (RFC 5869): `count` bytes (at most 8,160) for the purpose named by `info`, from a
  /// secret that is already as good as random. For passwords there is `scrypt`.
  public static func hkdf(
    secret: Span<UInt8>, salt: Span<UInt8>, info: Span<UInt8>, count: Int
  ) -> [UInt8] {
    precondition(count >= 0 && count <= 255 * SHA256.digestBytes, "HKDF gives at most 8160 bytes")
    var extract = HMAC.Key(salt)
    var pseudorandom = extract.sha256(secret)
    var expand = HMAC.Key(pseudorandom.span)
    SecretBytes.wipe(&pseudorandom)
    var output: [UInt8] = []
    output.reserveCapacity(count)
    var block = [32 of UInt8](repeating: 0)
    var counter: UInt8 = 0
    while output.count < count {
      expand.begin()
      if counter > 0 { expand.update(block.span) }
      counter += 1
      expand.update(info)
      expand.update([counter].span)
      block = expand.finish()
      for index in 0..<min(SHA256.digestBytes, count - output.count) {
        output.append(block[index])
      }
    }
    SecretBytes.wipe(&block)
    return output
  }

  /// scrypt (RFC 7914): `count` bytes from a password, at the cost of 128·2^logN·r bytes of memory
  /// and the time to fill and read it p times (about 50 ms for logN 15, r 8, p 1).
  ///
  /// The parameters must be valid ones (RFC 7914 §2) and the caller's own: one that reads them from
  /// elsewhere must bound them first.
  public static func scrypt(
    secret: Span<UInt8>, salt: Span<UInt8>, logN: Int, r: Int, p: Int, count: Int
  ) -> [UInt8] {
    precondition(logN >= 1 && logN < 32 && r >= 1 && p >= 1 && count >= 1, "scrypt parameters")
    var output = [UInt8](repeating: 0, count: count)
    // OpenSSL allows 32 MiB unless told otherwise; the blocks of p and some small ones come on top.
    let memory = UInt64(128 * r) * (UInt64(1) << UInt64(logN) + UInt64(p) + 2) + 4096
    let derived = unsafe secret.withUnsafeBufferPointer { secret in
      unsafe secret.withMemoryRebound(to: CChar.self) { secret in
        unsafe salt.withUnsafeBufferPointer { salt in
          unsafe EVP_PBE_scrypt(
            secret.baseAddress, secret.count, salt.baseAddress, salt.count,
            1 << UInt64(logN), UInt64(r), UInt64(p), memory, &output, count)
        }
      }
    }
    precondition(derived == 1, "OpenSSL refused scrypt, or memory is out")
    return output
  }
}
