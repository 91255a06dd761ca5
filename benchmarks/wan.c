/* A long line between two network namespaces, where the kernel has no netem.
 *
 *   wan NAME NETNS MBIT MILLISECONDS COUNTERS
 *
 * makes the TUN devices NAMEa here and NAMEb in the network namespace NETNS, and carries packets
 * between them: each way at so many Mbit/s, each packet so many milliseconds later, as long as it
 * runs. What does not fit into the queue of 100 ms is dropped, as routers do. The file COUNTERS has
 * the bytes that went out and came in.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 4096, LARGEST = 2048, FRAMING = 18 };

struct packet {
    int64_t due; /* nanoseconds of the monotonic clock */
    int length;
    char data[LARGEST];
};

struct way {
    int from, to;
    int64_t idle; /* when the last packet has left the sender */
    uint64_t bytes;
    unsigned first, count;
    struct packet queue[SLOTS];
};

static struct way ways[2];
static double per_byte; /* nanoseconds */
static int64_t delay, longest = 100 * 1000 * 1000;

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int device(const char *name, const char *end) {
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    int file = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s%s", name, end);
    if (file < 0 || ioctl(file, TUNSETIFF, &request) < 0)
        err(1, "the device %s", request.ifr_name);
    return file;
}

static void take(struct way *way) {
    char data[LARGEST];
    for (;;) {
        int length = read(way->from, data, sizeof data);
        int64_t time = now(), start = way->idle > time ? way->idle : time;
        if (length <= 0)
            return;
        if (way->count == SLOTS || start - time > longest)
            continue;
        struct packet *packet = &way->queue[(way->first + way->count++) % SLOTS];
        way->idle = start + (int64_t)((length + FRAMING) * per_byte);
        way->bytes += length;
        packet->due = way->idle + delay;
        packet->length = length;
        memcpy(packet->data, data, length);
    }
}

/* Hand on what is due; give when the next packet is. */
static int64_t give(struct way *way) {
    while (way->count && way->queue[way->first].due <= now()) {
        struct packet *packet = &way->queue[way->first];
        if (write(way->to, packet->data, packet->length) < 0)
            packet->length = 0; /* the other side has just gone down: lost, like any packet */
        way->first = (way->first + 1) % SLOTS;
        way->count--;
    }
    return way->count ? way->queue[way->first].due : INT64_MAX;
}

/* In its place, so that a reader never finds an empty file. */
static void count(int file) {
    char text[64];
    int length = snprintf(text, sizeof text, "%20llu %20llu\n", (unsigned long long)ways[0].bytes,
                          (unsigned long long)ways[1].bytes);
    if (pwrite(file, text, length, 0) != length)
        err(1, "the counters");
}

int main(int words, char **word) {
    if (words != 6)
        errx(2, "usage: wan NAME NETNS MBIT MILLISECONDS COUNTERS");
    per_byte = 8000 / atof(word[3]);
    delay = (int64_t)(atof(word[4]) * 1e6);
    int here = device(word[1], "a"), netns = open(word[2], O_RDONLY);
    if (netns < 0 || setns(netns, CLONE_NEWNET) < 0)
        err(1, "%s", word[2]);
    int there = device(word[1], "b");
    ways[0].from = ways[1].to = here;
    ways[0].to = ways[1].from = there;
    int64_t counted = 0;
    int counters = open(word[5], O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (counters < 0)
        err(1, "%s", word[5]);
    count(counters);
    for (;;) {
        int64_t due = INT64_MAX, time;
        for (int i = 0; i < 2; i++) {
            take(&ways[i]);
            int64_t next = give(&ways[i]);
            due = next < due ? next : due;
        }
        time = now();
        if (time - counted > 50000000) {
            count(counters);
            counted = time;
        }
        struct pollfd files[2] = {{.fd = here, .events = POLLIN}, {.fd = there, .events = POLLIN}};
        int64_t rest = due > time + 50000000 ? 50000000 : due > time ? due - time : 0;
        struct timespec wait = {.tv_sec = 0, .tv_nsec = rest};
        ppoll(files, 2, &wait, NULL);
    }
}
