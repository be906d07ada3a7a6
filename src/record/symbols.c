/*
 * Reads the static symbol table, or the dynamic one of a stripped file.  The file
 * is not trusted: every range is checked against its length before it is looked at.
 */
#include "record/symbols.h"

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct function {
	uint64_t start, bytes; /* virtual address in the file's own terms */
	const char *name;
};

struct symbols {
	const unsigned char *file;
	uint64_t bytes;
	const Elf64_Phdr *segments;
	uint32_t nr_segments;
	struct function *functions; /* ascending */
	size_t nr_functions;
};

/* `count` items of `item` bytes at `offset`, NULL: beyond the file or misaligned. */
static const void *range(const struct symbols *s, uint64_t offset, uint64_t count, uint64_t item)
{
	if (offset > s->bytes || count > (s->bytes - offset) / item || offset % 8 != 0)
		return NULL;
	return s->file + offset;
}

static const Elf64_Shdr *section_of_type(const Elf64_Shdr *sections, uint32_t n, uint32_t type)
{
	for (uint32_t i = 0; i < n; i++)
		if (sections[i].sh_type == type)
			return &sections[i];
	return NULL;
}

static int compare_starts(const void *a, const void *b)
{
	const struct function *left = a, *right = b;

	return (left->start > right->start) - (left->start < right->start);
}

/*
 * Takes the functions of a symbol table; names are borrowed from the file, whose string table
 * ends with 0.
 */
static void read_table(struct symbols *s, const Elf64_Shdr *table, const Elf64_Shdr *strings)
{
	uint64_t n = table->sh_size / sizeof(Elf64_Sym);
	const Elf64_Sym *symbol = range(s, table->sh_offset, n, sizeof *symbol);
	bool named = strings->sh_size != 0 && strings->sh_offset <= s->bytes &&
		     strings->sh_size <= s->bytes - strings->sh_offset;
	const char *names = (const char *)s->file + (named ? strings->sh_offset : 0);

	if (symbol == NULL || !named || names[strings->sh_size - 1] != '\0')
		return;
	s->functions = malloc(n * sizeof *s->functions + 1);
	for (uint64_t i = 0; s->functions != NULL && i < n; i++)
		if (ELF64_ST_TYPE(symbol[i].st_info) == STT_FUNC &&
		    symbol[i].st_shndx != SHN_UNDEF && symbol[i].st_name < strings->sh_size)
			s->functions[s->nr_functions++] = (struct function){
				symbol[i].st_value, symbol[i].st_size, names + symbol[i].st_name};
	if (s->nr_functions > 0)
		qsort(s->functions, s->nr_functions, sizeof *s->functions, compare_starts);
}

static void read_headers(struct symbols *s)
{
	const Elf64_Ehdr *header = range(s, 0, 1, sizeof *header);
	const Elf64_Shdr *sections, *table;

	if (header == NULL || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
	    header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB)
		return;
	s->segments = range(s, header->e_phoff, header->e_phnum, sizeof *s->segments);
	s->nr_segments = s->segments == NULL ? 0 : header->e_phnum;
	sections = range(s, header->e_shoff, header->e_shnum, sizeof *sections);
	if (sections == NULL)
		return;
	table = section_of_type(sections, header->e_shnum, SHT_SYMTAB);
	if (table == NULL)
		table = section_of_type(sections, header->e_shnum, SHT_DYNSYM);
	if (table != NULL && table->sh_link < header->e_shnum)
		read_table(s, table, &sections[table->sh_link]);
}

struct symbols *symbols_open(const char *path)
{
	struct symbols *s = calloc(1, sizeof *s);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *file = MAP_FAILED;

	if (s != NULL && fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
		file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (fd >= 0)
		close(fd);
	if (file == MAP_FAILED) {
		free(s);
		return NULL;
	}
	s->file = file;
	s->bytes = (uint64_t)st.st_size;
	read_headers(s);
	return s;
}

void symbols_close(struct symbols *s)
{
	if (s == NULL)
		return;
	munmap((void *)(uintptr_t)s->file, s->bytes);
	free(s->functions);
	free(s);
}

/* The last function that starts at or before an address. */
static const struct function *function_at(const struct symbols *s, uint64_t address)
{
	size_t low = 0, high = s->nr_functions;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->functions[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low == 0 ? NULL : &s->functions[low - 1];
}

const char *symbols_at(const struct symbols *s, uint64_t file_offset, uint64_t *into)
{
	for (uint32_t i = 0; i < s->nr_segments; i++) {
		const Elf64_Phdr *p = &s->segments[i];
		const struct function *f;

		if (p->p_type != PT_LOAD || file_offset < p->p_offset ||
		    file_offset - p->p_offset >= p->p_filesz)
			continue;
		f = function_at(s, file_offset - p->p_offset + p->p_vaddr);
		*into = f == NULL ? 0 : file_offset - p->p_offset + p->p_vaddr - f->start;
		return f == NULL || *into >= f->bytes ? NULL : f->name;
	}
	return NULL;
}
