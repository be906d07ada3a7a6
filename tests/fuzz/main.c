/*
 * Runs a fuzz target on files and on the files of
 * folders: what libFuzzer's main does with a corpus.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#define MAX_BYTES (64u << 20)

static int run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(MAX_BYTES);
	size_t bytes;

	if (f == NULL || data == NULL) {
		perror(path);
		free(data);
		if (f != NULL)
			fclose(f);
		return 1;
	}
	bytes = fread(data, 1, MAX_BYTES, f);
	fclose(f);
	/* A copy of its exact size, so that a read behind its end is seen. */
	data = realloc(data, bytes + (bytes == 0));
	LLVMFuzzerTestOneInput(data, bytes);
	free(data);
	return 0;
}

static int run_folder(const char *path)
{
	struct dirent *e;
	DIR *dir = opendir(path);
	int err = 0;

	if (dir == NULL)
		return run_file(path);
	while ((e = readdir(dir)) != NULL) {
		char file[4096];

		if (e->d_name[0] == '.')
			continue;
		snprintf(file, sizeof file, "%s/%s", path, e->d_name);
		err |= run_file(file);
	}
	closedir(dir);
	return err;
}

int main(int argc, char **argv)
{
	int err = 0;

	for (int i = 1; i < argc; i++)
		err |= run_folder(argv[i]);
	return err;
}
