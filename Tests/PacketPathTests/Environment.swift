#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

func seedFromEnvironment() -> UInt64? { environment("SKEIN_SEED").flatMap { UInt64($0) } }

func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
