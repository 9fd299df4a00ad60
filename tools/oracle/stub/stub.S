/*
 * The stub: the program a script runs in on a real kernel. It is one page of text at 0x400000 with no data, no library and no use
 * of its stack; the controller sets its registers with ptrace and lets it run up to the next breakpoint. The ELF header and the two
 * program headers are written here byte by byte, so that the file holds nothing a linker adds.
 *
 * Build (see Makefile): gcc -nostdlib -static -Wl,--oformat=binary -Wl,-Ttext=0x400000 -Wl,--build-id=none -o stub.elf stub.S
 */
#include "layout.h"

#define FNV_PRIME 0x01000193

#define PT_LOAD 1
#define PT_GNU_STACK 0x6474e551
#define PF_X 1
#define PF_W 2
#define PF_R 4

        .text
        .globl  _start
image:
        /* ELF header: 64-bit, little-endian, System V, ET_EXEC, x86-64, no sections. */
        .byte   0x7f, 'E', 'L', 'F', 2, 1, 1, 0
        .zero   8
        .short  2, 62
        .long   1
        .quad   _start
        .quad   headers - image
        .quad   0
        .long   0
        .short  64, 56, 2, 0, 0, 0
headers:
        /* The whole file, read and execute, one page. */
        .long   PT_LOAD, PF_R | PF_X
        .quad   0, STUB_BASE, STUB_BASE
        .quad   image_end - image, image_end - image, 0x1000
        /* A stack that is not executable. */
        .long   PT_GNU_STACK, PF_R | PF_W
        .quad   0, 0, 0, 0, 0, 16

        .org    STUB_ENTRY - STUB_BASE, 0xcc
_start:
        int3

        .org    STUB_CALL - STUB_BASE, 0xcc
        syscall
        int3

        .org    STUB_LOAD - STUB_BASE, 0xcc
1:      movzbl  (%rdi), %edx
        xor     %edx, %eax
        imul    $FNV_PRIME, %eax, %eax
        shl     $56, %rdx
        shr     $8, %rbx
        or      %rdx, %rbx
        inc     %rdi
        cmp     %rsi, %rdi
        jne     1b
        int3

        .org    STUB_STORE - STUB_BASE, 0xcc
1:      mov     %al, (%rdi)
        ror     $8, %eax
        inc     %rdi
        cmp     %rsi, %rdi
        jne     1b
        int3

        .org    STUB_BATCH - STUB_BASE, 0xcc
batch:
        mov     $4, %r9d                /* entries left in xmm0 */
next_access:
        movd    %xmm0, %edx
        psrldq  $4, %xmm0
        btr     $31, %edx               /* carry: it is a store */
        lea     (%rdi,%rdx,4), %rdx
        jc      store_word
        mov     (%rdx), %edx
        mov     $4, %r10d
hash_byte:
        movzbl  %dl, %r11d
        xor     %r11d, %eax
        imul    $FNV_PRIME, %eax, %eax
        shr     $8, %edx
        dec     %r10d
        jnz     hash_byte
        jmp     done_access
store_word:
        mov     %r8d, (%rdx)
done_access:
        inc     %r8d
        dec     %ecx
        jz      end_of_batch
        dec     %r9d
        jnz     next_access
        movdqa  %xmm1, %xmm0
        movdqa  %xmm2, %xmm1
        movdqa  %xmm3, %xmm2
        movdqa  %xmm4, %xmm3
        movdqa  %xmm5, %xmm4
        movdqa  %xmm6, %xmm5
        movdqa  %xmm7, %xmm6
        movdqa  %xmm8, %xmm7
        movdqa  %xmm9, %xmm8
        movdqa  %xmm10, %xmm9
        movdqa  %xmm11, %xmm10
        movdqa  %xmm12, %xmm11
        movdqa  %xmm13, %xmm12
        movdqa  %xmm14, %xmm13
        movdqa  %xmm15, %xmm14
        jmp     batch
end_of_batch:
        int3
        .balign 4, 0xcc
image_end:
