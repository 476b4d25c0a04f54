/* The raw limit of checking purchase TACs: one C loop over libcrypto, everything derived for every record.
 *
 * A record is serial8 | key version1 | TAC input22 | TAC4. libcrypto's functions are declared here, since its headers
 * are not installed everywhere; the types are as in openssl/des.h. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef unsigned char block[8];
typedef struct { uint64_t rounds[16]; } schedule;

void DES_set_key_unchecked(block *key, schedule *made);
void DES_ecb3_encrypt(block *input, block *output, schedule *k1, schedule *k2, schedule *k3, int encrypt);
void DES_ncbc_encrypt(const unsigned char *input, unsigned char *output, long length, schedule *key, block *iv, int encrypt);

enum { RECORD = 35, COVERED = 9, TAC = 31, PADDED = 24 };

void verify(const unsigned char *records, size_t count, unsigned char master[16], unsigned char *verdicts)
{
    schedule k1, k2, own;
    DES_set_key_unchecked((block *)master, &k1);
    DES_set_key_unchecked((block *)(master + 8), &k2);
    for (size_t at = 0; at < count; at++, records += RECORD) {
        block factor, left, right, iv = {0};
        unsigned char message[PADDED] = {0}, cipher[PADDED];
        memcpy(factor, records, 8);
        DES_ecb3_encrypt(&factor, &left, &k1, &k2, &k1, 1);
        for (int i = 0; i < 8; i++)
            factor[i] ^= 0xFF;
        DES_ecb3_encrypt(&factor, &right, &k1, &k2, &k1, 1);
        for (int i = 0; i < 8; i++)
            left[i] ^= right[i];
        DES_set_key_unchecked(&left, &own);
        memcpy(message, records + COVERED, TAC - COVERED);
        message[TAC - COVERED] = 0x80;
        DES_ncbc_encrypt(message, cipher, PADDED, &own, &iv, 1);
        verdicts[at] = memcmp(cipher + PADDED - 8, records + TAC, 4) == 0;
    }
}
