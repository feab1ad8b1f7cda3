#include <ctype.h>
#include <stdio.h>

int
main(void)
{
	int c, inside = 0;
	long words = 0;

	while ((c = getchar()) != EOF) {
		if (isspace(c)) {
			inside = 0;
		} else if (!inside) {
			inside = 1;
			words++;
		}
	}
	printf("%ld words\n", words);
	return 0;
}
