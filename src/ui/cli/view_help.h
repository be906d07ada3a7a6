/* The help of `memscape view`, which a build without the visualizer has as well. */
#ifndef UI_CLI_VIEW_HELP_H
#define UI_CLI_VIEW_HELP_H

#define VIEW_HELP                                                                                  \
	"usage: memscape view -c MACHINE [OPTION...] TRACE\n\n"                                    \
	"Shows the machine's memory at any event of the trace, in the terminal; '?' there lists\n" \
	"what it can do.  Moves in time both ways: events are numbered, 0 is the booted "          \
	"machine.\n\n"                                                                             \
	"  -c, --machine MACHINE    a machine file or the name of a shipped one\n"                 \
	"      --variant V, --set PATH=VALUE   as in 'memscape replay'\n"                          \
	"      --alloc KIND         the kind that serves the user heap\n"                          \
	"      --compare WHAT       what is replayed beside it (view Compare): a heap kind, a\n"   \
	"                           machine (with :VARIANT), PATH=VALUE, or several of them,\n"    \
	"                           as --compare 'x86_32 best_fit'\n"                              \
	"      --at MOMENT          where to begin: an event, a percentage as 50%, or end\n"       \
	"      --memory SIZE        for checkpoints and index, at most (default: 512M)\n"          \
	"      --noise SEED         fill RAM with noise before boot\n"                             \
	"      --keys FILE          key bindings (default: $XDG_CONFIG_HOME/memscape/keys,\n"      \
	"                           or ~/.config/memscape/keys)\n"                                 \
	"      --colors N           256, 16, 8 or 0; default: what the terminal has (NO_COLOR: "   \
	"0)\n"                                                                                     \
	"      --ascii              draw with ASCII only\n"                                        \
	"      --script FILE        keys and commands from FILE on a screen in memory (for "       \
	"tests)\n"                                                                                 \
	"      --size ROWSxCOLUMNS  of a script's screen (default: 24x80)\n"                       \
	"  -h, --help               this text\n"

#endif
