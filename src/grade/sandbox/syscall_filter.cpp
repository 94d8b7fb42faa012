// SPDX-License-Identifier: Apache-2.0
#include "grade/sandbox/syscall_filter.hpp"

#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace xfer::grade {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t native_arch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t native_arch = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t native_arch = 0;
#endif

constexpr std::uint32_t refuse(int error) noexcept {
  return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error);
}

class Builder {
public:
  void load(std::size_t offset) {
    add(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset), 0, 0);
  }
  void load_first_argument() { load(offsetof(seccomp_data, args)); }  // its low word
  void give(std::uint32_t verdict) { add(BPF_RET | BPF_K, verdict, 0, 0); }
  /// Skips `if_true` or `if_false` instructions after comparing the loaded word.
  void jump(int comparison, std::uint32_t value, std::uint8_t if_true, std::uint8_t if_false) {
    add(static_cast<std::uint16_t>(BPF_JMP | BPF_K | comparison), value, if_true, if_false);
  }
  void refuse_call(long number, int error = EPERM) {
    jump(BPF_JEQ, static_cast<std::uint32_t>(number), 0, 1);
    give(refuse(error));
  }
  std::vector<sock_filter> take() { return std::move(program_); }

private:
  void add(int code, std::uint32_t k, std::uint8_t jt, std::uint8_t jf) {
    program_.push_back({static_cast<std::uint16_t>(code), jt, jf, k});
  }
  std::vector<sock_filter> program_;
};

constexpr long refused_calls[] = {
    // Memory that no address-space limit counts.
    SYS_memfd_create,
    SYS_shmget,
    SYS_msgget,
    SYS_semget,
    SYS_mq_open,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    // Other processes and the cage itself.
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_unshare,
    SYS_setns,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    // Large kernel surface that no graded program needs.
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_quotactl,
    SYS_syslog,
    SYS_open_by_handle_at,
    SYS_name_to_handle_at,
    SYS_fanotify_init,
#ifdef SYS_memfd_secret
    SYS_memfd_secret,
#endif
#ifdef SYS_pidfd_getfd
    SYS_pidfd_getfd,
#endif
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#ifdef SYS_open_tree
    SYS_open_tree,
    SYS_move_mount,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
#endif
#ifdef SYS_mount_setattr
    SYS_mount_setattr,
#endif
#ifdef SYS_io_uring_setup
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
#endif
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
#endif
};

}  // namespace

std::vector<sock_filter> make_syscall_filter() {
  if (native_arch == 0) return {};
  Builder b;
  b.load(offsetof(seccomp_data, arch));
  b.jump(BPF_JEQ, native_arch, 1, 0);
  b.give(SECCOMP_RET_KILL_PROCESS);
  b.load(offsetof(seccomp_data, nr));
#if defined(__x86_64__)
  b.jump(BPF_JGE, 0x40000000U, 0, 1);  // the x32 numbers of the same calls
  b.give(SECCOMP_RET_KILL_PROCESS);
#endif
  for (const long number : refused_calls) b.refuse_call(number);
  // Its flags lie in memory that a filter cannot read; C libraries fall back to clone.
  b.refuse_call(SYS_clone3, ENOSYS);
  // Threads, but no processes: then one address-space limit bounds everything.
  b.jump(BPF_JEQ, static_cast<std::uint32_t>(SYS_clone), 0, 4);
  b.load_first_argument();
  b.jump(BPF_JSET, CLONE_THREAD, 1, 0);
  b.give(refuse(EPERM));
  b.give(SECCOMP_RET_ALLOW);
  // Not every family is bound to a network namespace (AF_VSOCK is not): local sockets only.
  b.jump(BPF_JEQ, static_cast<std::uint32_t>(SYS_socket), 0, 4);
  b.load_first_argument();
  b.jump(BPF_JEQ, AF_UNIX, 1, 0);
  b.give(refuse(EAFNOSUPPORT));
  b.give(SECCOMP_RET_ALLOW);
  b.give(SECCOMP_RET_ALLOW);
  return b.take();
}

}  // namespace xfer::grade
