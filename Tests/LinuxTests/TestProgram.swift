import Glibc
import Testing

/// A kernel program for tests, written in C and compiled by the clang that comes with the Swift toolchain.
enum TestProgram {
  /// It counts in `counters[0]`, keeps the lease's deadline in `seen[0]`, sends the payload of EtherType 0x88b5 up, and answers `verdict`.
  static let source = """
    typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32; typedef unsigned long long u64;
    #define SEC(name) __attribute__((section(name), used))
    #define NUMBER(name, value) int (*name)[value]
    #define TYPE(name, type) type *name
    struct context { u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };
    struct lease { u64 deadline; u64 padding[7]; };
    static void *(*lookup)(void *, const void *) = (void *)1;
    static long (*output)(void *, void *, u64, u64) = (void *)130;
    struct { NUMBER(type, 2); NUMBER(max_entries, 1); TYPE(key, u32); TYPE(value, u64); NUMBER(map_flags, 1024); } counters SEC(".maps");
    struct { NUMBER(type, 2); NUMBER(max_entries, 1); TYPE(key, u32); TYPE(value, u64); NUMBER(map_flags, 1024); } seen SEC(".maps");
    struct { NUMBER(type, 2); NUMBER(max_entries, 1); TYPE(key, u32); TYPE(value, struct lease); NUMBER(map_flags, 1024); } lease SEC(".maps");
    struct { NUMBER(type, 27); NUMBER(max_entries, 4096); } upcalls SEC(".maps");
    SEC("xdp") int probe(struct context *context) {
      u8 *data = (u8 *)(long)context->data, *end = (u8 *)(long)context->data_end;
      u32 zero = 0;
      u64 *counter = lookup(&counters, &zero), *last = lookup(&seen, &zero);
      struct lease *held = lookup(&lease, &zero);
      if (!counter || !last || !held || data + 22 > end) return 0;
      __sync_fetch_and_add(counter, 1);
      *last = held->deadline;
      if (data[12] == 0x88 && data[13] == 0xb5) {
        u8 copy[8]; /* a ring takes nothing from the packet itself */
        for (int i = 0; i < 8; i++) copy[i] = data[14 + i];
        output(&upcalls, copy, 8, 0);
        data[14] = MARK;
      }
      return VERDICT;
    }
    SEC("xdp") int broken(struct context *context) { return *(u8 *)(long)context->data; }
    char licence[] SEC("license") = "Dual BSD/GPL";
    """

  /// The compiler, found beside `swiftc`; nil when there is none with the target.
  static let compiler: String? = try? shell(
    "clang=$(dirname $(readlink -f $(command -v swiftc)))/clang; $clang -print-targets | grep -q bpfel; echo $clang"
  ).split(separator: "\n").first.map(String.init)

  /// The object's bytes.
  static func compile(verdict: Int = 2, mark: Int = 1, extra: String = "") throws -> [UInt8] {
    let compiler = try #require(compiler)
    let path = "/tmp/\(uniqueName("skein-program"))"
    defer { for suffix in [".c", ".o"] { unlink(path + suffix) } }
    let file = try #require(fopen("\(path).c", "w"))
    fputs(source, file)
    fclose(file)
    try shell("\(compiler) -target bpfel -mcpu=v3 -O2 -g -DVERDICT=\(verdict) -DMARK=\(mark) \(extra) -c \(path).c -o \(path).o")
    let object = try #require(fopen("\(path).o", "r"))
    defer { fclose(object) }
    var bytes = [UInt8](repeating: 0, count: 1 << 18)
    bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, object))
    return bytes
  }
}
