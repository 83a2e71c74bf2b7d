#define _XOPEN_SOURCE 700
#include "board.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void board_provision(uint32_t number, const nsw_identity *identity, const nsw_key voters[SWARM_VOTERS], const char *path)
{
    struct provisioned page;
    memset(&page, 0, sizeof page);
    page.number = number;
    must("random", nsw_noise_keypair(NULL, &page.noise_private, &page.noise)); /* bytes of a key */
    memcpy(&page.random, page.noise_private.bytes, sizeof page.random);
    must("keys", nsw_noise_keypair(NULL, &page.noise_private, &page.noise));
    must("key", nsw_identity_public(identity, &page.identity));
    must("bind", nsw_identity_bind(identity, &page.noise, &page.binding));
    memcpy(page.voters, voters, sizeof page.voters);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(&page, 1, sizeof page, file) != sizeof page || fclose(file) != 0)
        fail(path, "cannot be written");
    memset(&page, 0, sizeof page);
}

/* Its output is a terminal, or it would keep its lines back. */
void board_switch_on(struct board *board, const char *kernel, const char *page, unsigned most_seconds)
{
    char loader[600];
    const int output = posix_openpt(O_RDWR | O_NOCTTY);
    const char *terminal = NULL;
    if (output >= 0 && grantpt(output) == 0 && unlockpt(output) == 0)
        terminal = ptsname(output);
    if (terminal == NULL)
        fail("pseudoterminal", "there is none");
    const int other = open(terminal, O_RDWR | O_NOCTTY);
    snprintf(loader, sizeof loader, "loader,file=%s,addr=0x00200000,force-raw=on", page);
    board->output = output;
    board->pid = fork();
    if (board->pid == 0) {
        const int nothing = open("/dev/null", O_RDONLY);
        dup2(nothing, STDIN_FILENO);
        dup2(other, STDOUT_FILENO);
        dup2(other, STDERR_FILENO);
        for (int file = 3; file < 64; file++)
            close(file);
        alarm(most_seconds); /* it ends even if this program is killed */
        execlp("qemu-system-arm", "qemu-system-arm", "-M", "mps2-an386", "-display", "none", "-monitor", "none",
               "-chardev", "pty,id=bus", "-serial", "chardev:bus", "-semihosting-config",
               "enable=on,target=native", "-device", loader, "-kernel", kernel, (char *)NULL);
        _exit(127);
    }
    close(other);
    if (board->pid < 0)
        fail("qemu-system-arm", "cannot be started");
}

static void read_line(struct board *board)
{
    static const char redirected[] = "char device redirected to ";
    if (board->log != NULL)
        fprintf(board->log, "%s\n", board->line);
    if (strncmp(board->line, redirected, sizeof redirected - 1) == 0)
        sscanf(board->line + sizeof redirected - 1, "%100s", board->device);
    if (strcmp(board->line, "ready") == 0)
        board->ready = 1;
    if (strncmp(board->line, "FAILED", 6) == 0 || strncmp(board->line, "line ", 5) == 0 ||
        strncmp(board->line, "FAULT", 5) == 0 || strncmp(board->line, "PANIC", 5) == 0)
        fail("a board", board->line);
}

void board_watch(struct board *board)
{
    struct pollfd output = {board->output, POLLIN, 0};
    char byte;
    while (!board->ended && poll(&output, 1, 0) > 0) {
        if (read(board->output, &byte, 1) != 1) {
            int status = 0;
            waitpid(board->pid, &status, 0);
            board->ended = 1;
            board->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
        } else if (byte == '\n') {
            board->line[board->len] = '\0';
            board->len = 0;
            read_line(board);
        } else if (byte != '\r' && board->len < LINE - 1) {
            board->line[board->len++] = byte;
        }
    }
}

void board_connect(struct board *board)
{
    const uint64_t until = now_us() + 10 * SECOND;
    nsw_host_serial_config config = NSW_HOST_SERIAL_CONFIG_INIT;
    while (board->device[0] == '\0') {
        const struct timespec pause = {0, 5000000};
        board_watch(board);
        if (board->ended || now_us() > until)
            fail("qemu-system-arm", board->ended ? "it ended at once" : "no serial line");
        nanosleep(&pause, NULL);
    }
    config.device = board->device;
    config.device_len = strlen(board->device);
    config.max_datagram = SWARM_FRAME;
    config.send_buffer = 8 * NSW_SERIAL_BOUND(SWARM_FRAME);
    must(board->device, nsw_host_serial_create(&config, NULL, &board->serial));
}

void board_stop(struct board *board)
{
    if (board->pid > 0 && !board->ended)
        kill(board->pid, SIGKILL);
}

void board_end(struct board *board)
{
    nsw_host_serial_destroy(board->serial);
    close(board->output);
    if (board->log != NULL)
        fclose(board->log);
}
