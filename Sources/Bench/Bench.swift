// What Skein costs, beside what nothing costs, in one run.
//
// Absolute figures drift with the machine and the hour. So everything here is measured in rounds that take turns with its floor: the empty
// program for the time of a packet, a program that only drops for the packets of a second. What counts is the difference or the ratio of
// the medians.
//
//   ProgramBenchmark.swift     what the verifier made of each kernel program
//   PacketPathBenchmark.swift  nanoseconds a packet, kernel program and native build, by the test tables' own frames
//   DropRateBenchmark.swift    packets a second that arrive on a virtual pair and are dropped
//   GatewayBenchmark.swift     nanoseconds to route a frame, beside the kernel's own forwarding
//   IdleBenchmark.swift        what the daemon takes while nothing happens
//   SimulationBenchmark.swift  hours of a cluster of 64 in a second
//   Generator.swift            frames by the million, made by the kernel
//   Isolation.swift            threads in network namespaces of their own, and a cable in them
//   LoadedPrograms.swift       the kernel programs, loaded
//   Leftovers.swift            what is pinned and written, and its removal

/// The benchmarks of `skein bench`. All but the simulation need root.
public enum Bench {}
